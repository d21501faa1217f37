/** A log with a full tile above its leaves: the only hashes of it that a database keeps. */
import { also, type Tampering } from './names.ts';

export const CHANGED_IN_TILES: readonly Tampering[] = [
  also(
    'log_tile.hashes',
    `update retain.log_tile set hashes = overlay(hashes placing sha256('x') from 33)`,
    'E_DB_TREE retain.log_tile 1/0 hashes',
  ),
  also(
    'log_tile.level',
    'update retain.log_tile set level = 2',
    ...['E_DB_COUNT retain.log_tile 2/0', 'E_DB_MISSING retain.log_tile 1/0'],
  ),
  also(
    'log_tile.tile_index',
    'update retain.log_tile set tile_index = 1',
    ...['E_DB_COUNT retain.log_tile 1/1', 'E_DB_MISSING retain.log_tile 1/0'],
  ),
  also('deleted', 'delete from retain.log_tile', 'E_DB_MISSING retain.log_tile 1/0'),
  also('truncated', 'truncate retain.log_tile', 'E_DB_MISSING retain.log_tile 1/0'),
];
