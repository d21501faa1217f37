import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { matchLiveStore } from '../../app/match-store.ts';
import { parseSchedule } from '../../config/schedule-file.ts';
import type { RealityFinding } from '../../stores/postgres/aggregate.ts';
import { connectStore, type StoreConnection } from '../../stores/postgres/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { closingTable, deleteAfter, partTable, scheduleText } from './small-schedule.ts';

let database: TestDatabase;
let admin: StoreConnection;
beforeAll(async () => {
  database = await createDatabase();
  admin = await connectStore('records', database.url, 'admin');
});
afterAll(async () => {
  await admin.end();
  await database.drop();
});

type Entry = Readonly<Record<string, unknown>>;

async function findings(folder: Entry, rule: Entry): Promise<readonly RealityFinding[]> {
  const text = scheduleText({
    classes: { folder: { table: 'public.folder', ...folder } },
    rules: { rule },
  });
  const { schedule, findings: wrong } = parseSchedule(text, 'test.yaml');
  if (!schedule) throw new Error(JSON.stringify(wrong));
  return (await matchLiveStore(admin, schedule)).findings;
}

/** A fresh schema `public` for each case. */
async function within(setup: string): Promise<void> {
  await admin.sql.unsafe(
    `drop schema public cascade; create schema public; set search_path = public; ${setup}; reset search_path`,
  );
}

const BY_DAY = deleteAfter('folder', 'closed_on');
const FOLDER = closingTable('folder', 'title text');
const errorsOf = (found: readonly RealityFinding[]) =>
  found
    .filter(({ severity }) => severity === 'error')
    .map(({ code, path }) => `${code} ${path.join('.')}`);

const CLASS = 'record_classes.folder';
const CASES: [string, string, Entry, Entry, string][] = [
  ['an unknown table', FOLDER, { table: 'public.folders' }, BY_DAY, `TABLE_UNKNOWN ${CLASS}.table`],
  [
    'a table in another schema',
    FOLDER,
    { table: 'private.folder' },
    BY_DAY,
    `TABLE_UNKNOWN ${CLASS}.table`,
  ],
  [
    'a table spelt in another case',
    FOLDER,
    { table: 'public.Folder' },
    BY_DAY,
    `TABLE_UNKNOWN ${CLASS}.table`,
  ],
  [
    'a view',
    `${closingTable('real')} create view folder as select * from real`,
    {},
    BY_DAY,
    `TABLE_NOT_A_TABLE ${CLASS}.table`,
  ],
  [
    'a materialized view',
    `${closingTable('real')} create materialized view folder as select * from real`,
    {},
    BY_DAY,
    `TABLE_NOT_A_TABLE ${CLASS}.table`,
  ],
  [
    'a partition named by itself',
    `create table whole (id integer primary key, closed_on date) partition by range (id); create table folder partition of whole default; create index on whole (closed_on)`,
    {},
    BY_DAY,
    `TABLE_IS_PARTITION ${CLASS}.table`,
  ],
  [
    'a table that others inherit from',
    `${FOLDER} create table kin () inherits (folder)`,
    {},
    BY_DAY,
    `TABLE_INHERITS ${CLASS}.table`,
  ],
  [
    'a table that inherits',
    `${closingTable('real')} create table folder (primary key (id)) inherits (real); create index on folder (closed_on)`,
    {},
    BY_DAY,
    `TABLE_INHERITS ${CLASS}.table`,
  ],
  [
    'row security on the table',
    `${FOLDER} alter table folder enable row level security`,
    {},
    BY_DAY,
    `ROW_SECURITY ${CLASS}.table`,
  ],
  [
    'a rewrite rule',
    `${FOLDER} create rule never as on delete to folder do instead nothing`,
    {},
    BY_DAY,
    `TABLE_HAS_RULES ${CLASS}.table`,
  ],
  ['an unknown key column', FOLDER, { key: ['ident'] }, BY_DAY, `COLUMN_UNKNOWN ${CLASS}.key.0`],
  [
    'a key that is not unique',
    `${FOLDER} alter table folder alter title set not null`,
    { key: ['title'] },
    BY_DAY,
    `KEY_NOT_UNIQUE ${CLASS}.key`,
  ],
  [
    'a key that is unique for some rows only',
    `${FOLDER} alter table folder alter title set not null; create unique index on folder (title) where id > 0`,
    { key: ['title'] },
    BY_DAY,
    `KEY_NOT_UNIQUE ${CLASS}.key`,
  ],
  [
    'a key that is unique by an expression only',
    `${FOLDER} alter table folder alter title set not null; create unique index on folder (lower(title))`,
    { key: ['title'] },
    BY_DAY,
    `KEY_NOT_UNIQUE ${CLASS}.key`,
  ],
  [
    'half a composite key',
    'create table folder (a integer, b integer, closed_on date, primary key (a, b)); create index on folder (closed_on)',
    { key: ['a'] },
    BY_DAY,
    `KEY_NOT_UNIQUE ${CLASS}.key`,
  ],
  [
    'a key that may be null',
    `${FOLDER} create unique index on folder (title)`,
    { key: ['title'] },
    BY_DAY,
    `KEY_NULLABLE ${CLASS}.key.0`,
  ],
  [
    'a numeric key',
    'create table folder (id numeric primary key, closed_on date); create index on folder (closed_on)',
    {},
    BY_DAY,
    `KEY_TYPE ${CLASS}.key.0`,
  ],
  [
    'a key in which different texts are equal',
    `create collation blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false); create table folder (id text collate blind primary key, closed_on date); create index on folder (closed_on)`,
    {},
    BY_DAY,
    `KEY_TYPE ${CLASS}.key.0`,
  ],
  [
    'an unknown subject column',
    FOLDER,
    { subjects: ['person'] },
    BY_DAY,
    `COLUMN_UNKNOWN ${CLASS}.subjects`,
  ],
  [
    'an unnamed foreign key',
    `${FOLDER} ${partTable('sheet', 'folder')}`,
    {},
    BY_DAY,
    `REFERENCE_UNNAMED ${CLASS}.references`,
  ],
  [
    'an unnamed foreign key of an owned part',
    `${FOLDER} ${partTable('sheet', 'folder')} ${partTable('line', 'sheet')}`,
    { references: { sheet_folder_id_fkey: 'owned' } },
    BY_DAY,
    `REFERENCE_UNNAMED ${CLASS}.references`,
  ],
  [
    'a foreign key that is not there',
    FOLDER,
    { references: { sheet_fk: 'owned' } },
    BY_DAY,
    `REFERENCE_UNKNOWN ${CLASS}.references.sheet_fk`,
  ],
  [
    'a foreign key named twice',
    `${FOLDER} ${partTable('sheet', 'folder')}`,
    { references: { sheet_folder_id_fkey: 'owned', 'sheet.sheet_folder_id_fkey': 'blocking' } },
    BY_DAY,
    `REFERENCE_TWICE ${CLASS}.references.sheet.sheet_folder_id_fkey`,
  ],
  [
    'row security on what would block',
    `${FOLDER} ${partTable('sheet', 'folder')} alter table sheet enable row level security`,
    { references: { sheet_folder_id_fkey: 'blocking' } },
    BY_DAY,
    `ROW_SECURITY ${CLASS}.references.sheet_folder_id_fkey`,
  ],
  [
    'a detached key that cannot be null',
    `${FOLDER} ${partTable('sheet', 'folder')} alter table sheet alter folder_id set not null`,
    { references: { sheet_folder_id_fkey: 'detached' } },
    BY_DAY,
    `REFERENCE_NOT_NULLABLE ${CLASS}.references.sheet_folder_id_fkey`,
  ],
];

describe('a schedule that does not fit the database is told so, at its place', () => {
  it.each(CASES)('%s', async (_name, setup, folder, rule, expected) => {
    await within(setup);
    expect(errorsOf(await findings(folder, rule))).toContain(expected);
  });

  it('the same schedule without the mistake has no findings', async () => {
    await within(`${FOLDER} ${partTable('sheet', 'folder')}`);
    expect(await findings({ references: { sheet_folder_id_fkey: 'owned' } }, BY_DAY)).toEqual([]);
  });
});
