/** A log whose tree has a full tile above its leaves: the only hashes of it that a database keeps. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  compared,
  copyOf,
  letGo,
  type Published,
  publishedSite,
  shown,
} from '../../support/compared-site.ts';
import { type LedgerSite, ledgerSite } from '../../support/ledger-site.ts';
import { CHANGED_IN_TILES } from './tampering/tiles.ts';

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

it.each([['honest', 'select', []] as const, ...CHANGED_IN_TILES])(
  'a tile of the control database: %s',
  async (_, statement, expected) => {
    const copy = await copyOf(site);
    try {
      await copy.sql.unsafe(statement);
      const { findings } = await compared(copy.retain, published);
      expect(findings.map(shown).sort()).toEqual(expected);
    } finally {
      await copy.end();
    }
  },
);
