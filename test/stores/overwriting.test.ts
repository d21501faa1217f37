import { afterEach, describe, expect, it } from 'vitest';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { closingTable, deleteAfter, partTable, scheduleText } from './small-schedule.ts';
import { idsOf } from './tampering.ts';

let governed: Governed | undefined;
afterEach(async () => {
  await governed?.end();
  governed = undefined;
});

async function withRule(
  setup: string,
  rule: Record<string, unknown>,
  folder: Record<string, unknown> = {},
): Promise<Governed> {
  governed = await governedDatabase({
    setup: (sql) => sql.unsafe(setup),
    schedule: scheduleText({
      classes: { folder: { table: 'public.folder', ...folder } },
      rules: { folder_rule: deleteAfter('folder', 'closed_on', rule) },
    }),
  });
  return governed;
}

async function carryOut(one: Governed): Promise<number> {
  const plan = await one.plan();
  const results = await one.carryOut(plan);
  expect((await one.close(plan)).outcome).toBe('completed');
  return results.reduce((sum, { totals }) => sum + totals.destroyed, 0);
}

const due = async (one: Governed) => (await one.plan()).document.steps[0]?.counts.due;

const TWO_PARTS = `
  ${closingTable('folder', `name text, code char(8), tags text[], note varchar(9) not null default 'note', size numeric, twice numeric generated always as (size * 2) stored, parent_id integer constraint parent_fk references folder`)}
  create index on folder (parent_id);
  ${partTable('sheet', 'folder')} ${partTable('letter', 'folder')}
  insert into folder (id, closed_on, name, code, tags, size, parent_id) values
    (1, '2001-01-01', 'a', 'AB', '{x,y}', 1.50, null), (2, '2001-01-01', 'b', 'CD', null, 2, 1),
    (3, '2026-01-01', 'c', 'EF', '{z}', 3, 1), (4, null, 'd', null, null, null, 3);
  insert into sheet values (1, 1), (2, 2), (3, 3), (4, 4);
  insert into letter values (1, 1), (2, 2), (3, 3), (4, 4)`;
const REFERENCES = {
  sheet_folder_id_fkey: 'owned',
  letter_folder_id_fkey: 'detached',
  parent_fk: 'detached',
};

describe.each([
  ['reduce', { then: 'reduce', to: ['closed_on', 'note', 'parent_id'] }],
  [
    'anonymise',
    {
      then: 'anonymise',
      columns: { name: null, code: null, tags: null, size: null },
    },
  ],
])('%s', (_name, rule) => {
  it('blanks, takes the parts along, unlinks, and then finds nothing more to do', async () => {
    const one = await withRule(TWO_PARTS, rule, { references: REFERENCES });
    expect(await carryOut(one)).toBe(2);
    expect([
      ...(await one.sql`select id, name, trim(code) as code, tags, note, size::text, twice::text, parent_id from folder order by id`),
    ]).toEqual([
      {
        id: 1,
        name: null,
        code: null,
        tags: null,
        note: 'note',
        size: null,
        twice: null,
        parent_id: null,
      },
      {
        id: 2,
        name: null,
        code: null,
        tags: null,
        note: 'note',
        size: null,
        twice: null,
        parent_id: null,
      },
      {
        id: 3,
        name: 'c',
        code: 'EF',
        tags: ['z'],
        note: 'note',
        size: '3',
        twice: '6',
        parent_id: null,
      },
      {
        id: 4,
        name: 'd',
        code: null,
        tags: null,
        note: 'note',
        size: null,
        twice: null,
        parent_id: 3,
      },
    ]);
    expect(await idsOf(one.sql, 'sheet')).toEqual([3, 4]);
    expect([...(await one.sql`select id, folder_id from letter order by id`)]).toEqual([
      { id: 1, folder_id: null },
      { id: 2, folder_id: null },
      { id: 3, folder_id: 3 },
      { id: 4, folder_id: 4 },
    ]);
    expect(await due(one)).toBe(0);
  });
});

it('a constant is written in full, whatever the type of its column, once', async () => {
  const one = await withRule(
    `create type mood as enum ('good', 'gone'); create domain label as text check (value <> '');
     ${closingTable('folder', 'name text, code char(8), status mood, tag label, bits bit(3), count bigint, flag boolean, day date')}
     insert into folder values (1, '2001-01-01', 'a', 'AB', 'good', 't', '000', 7, true, '2001-01-01'), (2, '2026-01-01', 'b', 'CD', 'good', 'u', '111', 8, true, null)`,
    {
      then: 'anonymise',
      columns: {
        name: { constant: `it's "gone" \\ $1; --` },
        code: { constant: 'REMOVED' },
        status: { constant: 'gone' },
        tag: { constant: 'gone' },
        bits: { constant: '101' },
        count: { constant: 0 },
        flag: { constant: false },
        day: { constant: '1900-01-01' },
      },
    },
  );
  expect(await carryOut(one)).toBe(1);
  expect([
    ...(await one.sql`select id, name, trim(code) as code, status, tag, bits::text, count::integer, flag, day::text from folder order by id`),
  ]).toEqual([
    {
      id: 1,
      name: `it's "gone" \\ $1; --`,
      code: 'REMOVED',
      status: 'gone',
      tag: 'gone',
      bits: '101',
      count: 0,
      flag: false,
      day: '1900-01-01',
    },
    {
      id: 2,
      name: 'b',
      code: 'CD',
      status: 'good',
      tag: 'u',
      bits: '111',
      count: 8,
      flag: true,
      day: null,
    },
  ]);
  expect(await due(one)).toBe(0);
});

it('a char(n) key names one record, not the one whose key is its first letter', async () => {
  const one = await withRule(
    `create table folder (code char(3) primary key, closed_on date); create index on folder (closed_on);
     create table complaint (id integer primary key, code char(3) constraint of_folder references folder); create index on complaint (code);
     insert into folder values ('ABC', '2001-01-01'), ('A', '2001-01-01'), ('AB', '2026-01-01');
     insert into complaint values (1, 'A')`,
    {},
    { key: ['code'], references: { of_folder: 'blocking' } },
  );
  const plan = await one.plan();
  await one.sql`delete from complaint`;
  await one.carryOut(plan);
  const rows = await one.sql<{ code: string }[]>`select trim(code) as code from folder order by 1`;
  expect(rows.map(({ code }) => code)).toEqual(['A', 'AB']);
});
