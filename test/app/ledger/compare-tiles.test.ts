/** A log whose tree has a full tile above its leaves: the only hashes of it that a database keeps. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  compared,
  copyOf,
  letGo,
  type Published,
  publishedSite,
  shown,
} from '../../support/compared-site.ts';
import { type LedgerSite, ledgerSite } from '../../support/ledger-site.ts';

/** A tile of level 1 is full with 256 · 256 entries. */
const RECORDS = 66_000;

let site: LedgerSite;
let published: Published;
beforeAll(async () => {
  site = await ledgerSite();
  published = await publishedSite(site);
  await site.destroySome(RECORDS);
  await published.publish();
  await letGo(site);
});
afterAll(async () => {
  await published.end();
  await site.end();
});

describe('a tile of the control database', () => {
  it.each([
    ['honest', 'select', []],
    [
      'hashes',
      `update retain.log_tile set hashes = overlay(hashes placing sha256('x') from 33)`,
      ['E_DB_TREE retain.log_tile 1/0 hashes'],
    ],
    [
      'level',
      'update retain.log_tile set level = 2',
      ['E_DB_COUNT retain.log_tile 2/0', 'E_DB_MISSING retain.log_tile 1/0'],
    ],
    [
      'tile_index',
      'update retain.log_tile set tile_index = 1',
      ['E_DB_COUNT retain.log_tile 1/1', 'E_DB_MISSING retain.log_tile 1/0'],
    ],
    ['deleted', 'delete from retain.log_tile', ['E_DB_MISSING retain.log_tile 1/0']],
    ['truncated', 'truncate retain.log_tile', ['E_DB_MISSING retain.log_tile 1/0']],
  ])('%s', async (_, statement, expected) => {
    const copy = await copyOf(site);
    try {
      await copy.sql.unsafe(statement);
      const { findings } = await compared(copy.retain, published);
      expect(findings.map(shown).sort()).toEqual(expected);
    } finally {
      await copy.end();
    }
  });
});
