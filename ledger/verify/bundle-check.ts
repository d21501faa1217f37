/** One bundle of entries against the tile of their leaf hashes. */
import { type Bundle, TILE_WIDTH } from '../tiles.ts';
import { type EntryOffsets, findEntries } from './entry-offsets.ts';
import type { FindingCode } from './findings.ts';
import { leafHashes } from './leaf-hashes.ts';
import { type LogSource, type Published, readBundle, readTile } from './log-source.ts';
import { firstDifference } from './tree-check.ts';

/** A bundle and the tile of level 0 beside it, as they were served. */
export interface ServedBundle {
  readonly bundle: Bundle;
  readonly entries: Published;
  readonly tile: Published;
}

export interface Damage {
  readonly code: FindingCode;
  readonly message: string;
  readonly index: number;
}

export interface CheckedBundle {
  /** Set when the entries are there and have the leaf hashes of the tile, or there is no tile. */
  readonly entries: Buffer | undefined;
  /** What the tree goes on with: of the entries; of the tile when they are not to be trusted. */
  readonly leaves: Buffer | undefined;
  readonly damages: readonly Damage[];
}

export async function serveBundle(source: LogSource, bundle: Bundle): Promise<ServedBundle> {
  const files = [readBundle(source, bundle), readTile(source, { level: 0, ...bundle })] as const;
  const [entries, tile] = await Promise.all(files);
  return { bundle, entries, tile };
}

/** Fills `offsets` with those of the entries. */
export function checkBundle(served: ServedBundle, offsets: EntryOffsets): CheckedBundle {
  const { bundle, tile } = served;
  const first = bundle.index * TILE_WIDTH;
  const damages: Damage[] = [];
  const damaged = (code: FindingCode, message: string, index = first): void =>
    void damages.push({ code, message, index });

  const entries = entriesOf(served, offsets, damaged);
  if ('lacks' in tile) damaged(tile.lacks, tile.message);
  const published = 'bytes' in tile ? tile.bytes : undefined;
  const computed = entries && leafHashes(entries, offsets);
  if (computed === undefined || published === undefined || computed.equals(published)) {
    return { entries, leaves: computed ?? published, damages };
  }
  const index = first + firstDifference(computed, published);
  damaged('E_LEAF', `Entry ${index} does not have its published leaf hash.`, index);
  return { entries: undefined, leaves: published, damages };
}

function entriesOf(
  { bundle, entries }: ServedBundle,
  offsets: EntryOffsets,
  damaged: (code: FindingCode, message: string) => void,
): Buffer | undefined {
  if ('lacks' in entries) {
    damaged(entries.lacks, entries.message);
    return undefined;
  }
  const fault = findEntries(entries.bytes, bundle.width, offsets, entries.wider);
  if (fault === undefined) return entries.bytes;
  damaged('E_FORMAT', `The bundle of entry ${bundle.index * TILE_WIDTH} ${fault}.`);
  return undefined;
}
