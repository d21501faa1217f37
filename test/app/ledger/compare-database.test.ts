/** Whoever owns the databases can change every row of them; the published log tells which. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ComparedSite,
  compared,
  comparedSite,
  copyOf,
  filled,
  shown,
} from '../../support/compared-site.ts';
import { CHANGED_IN_CONTROL } from './tampering/control-columns.ts';
import { CHANGED_IN_KEPT } from './tampering/kept-columns.ts';
import type { Tampering } from './tampering/names.ts';
import { PASSING } from './tampering/passing-columns.ts';
import { ADDED, DELETED } from './tampering/rows.ts';
import { CHANGED_IN_STORE } from './tampering/store-columns.ts';
import { BY_THE_OWNER, GUARD_CODE, MADE_AGAIN } from './tampering/tables.ts';
import { CHANGED_IN_TILES } from './tampering/tiles.ts';
import { UNTOLD } from './tampering/untold.ts';

let site: ComparedSite;
beforeAll(async () => {
  site = await comparedSite();
});
afterAll(() => site.end());

/** Everything that is found in a copy after the statements: exactly this, so that no other row is accused. */
async function expectFound(
  [, statements, expected]: Tampering,
  setting = 'session_replication_role = replica',
): Promise<void> {
  const copy = await copyOf(site.ledger);
  try {
    await copy.sql.begin(async (sql) => {
      await sql.unsafe(`set local ${setting}`);
      await sql.unsafe(filled(statements, site.named));
    });
    const { findings } = await compared(copy.retain, site.published);
    const names = expected.map((one) => filled(one, site.named));
    expect(findings.map(shown).sort()).toEqual(names.sort());
    for (const { severity } of findings) expect(severity).toBe('error');
  } finally {
    await copy.end();
  }
}

describe('a changed column is found and named, and no other row is', () => {
  const changed = [...CHANGED_IN_STORE, ...CHANGED_IN_CONTROL, ...PASSING];
  it.each(changed)('%s', (...tampering) => expectFound(tampering));

  it('every column is changed here, or is known to be one that the log does not tell', async () => {
    const copy = await copyOf(site.ledger);
    const rows = await copy.sql<{ name: string }[]>`
      select case when table_schema = 'retain' and table_name = 'run' then 'control_run' else table_name end
             || '.' || column_name as name
        from information_schema.columns where table_schema in ('retain', 'retain_guard')`;
    await copy.end();
    const elsewhere = [...CHANGED_IN_KEPT, ...CHANGED_IN_TILES];
    const known = new Set([...changed, ...elsewhere].map(([name]) => name).concat(UNTOLD));
    const columns = rows.map(({ name }) => name).filter((name) => !name.endsWith('.only_row'));
    expect(columns.filter((name) => !known.has(name))).toEqual([]);
    expect(UNTOLD.filter((name) => !columns.includes(name))).toEqual([]);
  });
});

describe('a row that is gone is found and named', () => {
  it.each(DELETED)('%s', (...tampering) => expectFound(tampering));
});

describe('a row that nothing published is found and named', () => {
  it.each(ADDED)('%s', (...tampering) => expectFound(tampering));
});

describe('the owner of the tables changes nothing unnoticed', () => {
  it.each(BY_THE_OWNER)('%s', (...tampering) => expectFound(tampering, 'role retain_guard_owner'));
});

describe('a table that was made again is found, and so is what was changed in it', () => {
  it.each(MADE_AGAIN)('%s', (...tampering) => expectFound(tampering));
});

describe('a guard that was weakened is found', () => {
  it.each(GUARD_CODE)('%s', (...tampering) =>
    expectFound(tampering, 'session_replication_role = origin'),
  );
});

describe('what the design lists', () => {
  const listed: readonly Tampering[] = [
    [
      '14: items changed',
      `update retain_guard.batch_sealed set refs = overlay(refs placing sha256('x') from 33) where batch_id = '{batch}'`,
      ['E_DB_ITEM batch_sealed {batch} refs'],
    ],
    [
      '15: a batch deleted',
      `delete from retain_guard.batch where batch_id = '{batch}'; delete from retain_guard.batch_sealed where batch_id = '{batch}'`,
      ['E_DB_MISSING batch {batch}', 'E_DB_MISSING batch_sealed {batch}', 'E_DB_COUNT batch'],
    ],
    [
      '16: a batch deleted, and its place',
      `delete from retain_guard.batch where batch_id = '{batch}'; delete from retain_guard.batch_sealed where batch_id = '{batch}';
       delete from retain.log_seq where batch_id = '{batch}'`,
      [
        ...['E_DB_MISSING batch {batch}', 'E_DB_MISSING batch_sealed {batch}'],
        ...['E_DB_COUNT batch', 'E_DB_MISSING retain.log_seq {index}'],
      ],
    ],
    [
      '17: a header changed',
      `update retain_guard.batch_sealed set header = overlay(header placing '\\x7e' from octet_length(header) - 9) where batch_id = '{batch}'`,
      ['E_DB_HEADER batch_sealed {batch} header header_sha256'],
    ],
  ];
  it.each(listed)('%s', (...tampering) => expectFound(tampering));
});

describe('an emptied table', () => {
  it.each([
    ['retain_guard.batch_sealed', 'batch_id::text'],
    ['retain_guard.event', 'event_no::text'],
    ['retain_guard.key_epoch', 'key_epoch'],
    ['retain.log_seq', 'first_index::text'],
    ['retain.log_lane', `source || ' ' || run_id || '/' || step || '/' || lane`],
    ['retain.log_outbox', 'first_index::text'],
  ])('%s is missed row by row', async (table, key) => {
    const copy = await copyOf(site.ledger);
    try {
      const rows = await copy.sql.unsafe<{ key: string }[]>(`select ${key} as key from ${table}`);
      await copy.sql.unsafe(`truncate ${table}`);
      const { findings } = await compared(copy.retain, site.published);
      const expected = rows.map((row) => `E_DB_MISSING ${table} ${row.key}`);
      expect(
        findings.map((finding) => `${finding.code} ${finding.table} ${finding.row}`).sort(),
      ).toEqual(expected.sort());
    } finally {
      await copy.end();
    }
  });
});
