import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { matchLiveStore } from '../../app/match-store.ts';
import { parseSchedule } from '../../config/schedule-file.ts';
import type { RealityFinding } from '../../stores/postgres/aggregate.ts';
import { connectStore, type StoreConnection } from '../../stores/postgres/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { closingTable, deleteAfter, scheduleText, timed } from './small-schedule.ts';

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
  [
    'an unknown trigger column',
    FOLDER,
    {},
    deleteAfter('folder', 'ended_on'),
    'COLUMN_UNKNOWN rules.rule.trigger.column',
  ],
  [
    'a trigger that is text',
    `${FOLDER} create index on folder (title)`,
    {},
    deleteAfter('folder', 'title'),
    'TRIGGER_TYPE rules.rule.trigger.column',
  ],
  [
    'a trigger that is a number',
    FOLDER,
    {},
    deleteAfter('folder', 'id'),
    'TRIGGER_TYPE rules.rule.trigger.column',
  ],
  [
    'a local timestamp without its zone',
    'create table folder (id integer primary key, at timestamp); create index on folder (at)',
    {},
    deleteAfter('folder', 'at'),
    'TRIGGER_ZONE_MISSING rules.rule.trigger',
  ],
  [
    'a zone for a column that has one',
    'create table folder (id integer primary key, at timestamptz); create index on folder (at)',
    {},
    timed('folder', { event: 'closed', column: 'at', zone: 'UTC' }, 'delete'),
    'TRIGGER_ZONE_REFUSED rules.rule.trigger.zone',
  ],
  [
    'a trigger of a part that is not owned',
    `${FOLDER} ${closingTable('sheet', 'folder_id integer constraint f references folder')} create index on sheet (folder_id)`,
    { references: { f: 'blocking' } },
    timed('folder', { event: 'closed', latest: 'sheet.closed_on' }, 'delete'),
    'TRIGGER_PART_UNKNOWN rules.rule.trigger.latest',
  ],
  [
    'an unknown column in where',
    FOLDER,
    {},
    deleteAfter('folder', 'closed_on', { where: { colour: 'red' } }),
    'COLUMN_UNKNOWN rules.rule.where.colour',
  ],
  [
    'a value in where that the column cannot hold',
    FOLDER,
    {},
    deleteAfter('folder', 'closed_on', { where: { id: 'red' } }),
    'VALUE_TYPE rules.rule.where.id',
  ],
  [
    'blanking a column that cannot be null',
    `${FOLDER} alter table folder alter title set not null`,
    {},
    deleteAfter('folder', 'closed_on', { then: 'anonymise', columns: { title: null } }),
    'COLUMN_NOT_NULLABLE rules.rule.columns.title',
  ],
  [
    'reducing to columns that are not there',
    FOLDER,
    {},
    deleteAfter('folder', 'closed_on', { then: 'reduce', to: ['closed_on', 'colour'] }),
    'COLUMN_UNKNOWN rules.rule.to.1',
  ],
  [
    'overwriting a generated column',
    `${FOLDER} alter table folder add twice integer generated always as (id * 2) stored`,
    {},
    deleteAfter('folder', 'closed_on', { then: 'anonymise', columns: { twice: null } }),
    'COLUMN_COMPUTED rules.rule.columns.twice',
  ],
];

describe('a schedule that does not fit the database is told so, at its place', () => {
  it.each(CASES)('%s', async (_name, setup, folder, rule, expected) => {
    await within(setup);
    expect(errorsOf(await findings(folder, rule))).toContain(expected);
  });
});

describe('a missing index comes with the statement that makes it', () => {
  const PARTITIONED = `
    create table folder (id integer primary key, closed_on date) partition by range (id); create table folder_1 partition of folder default;
    create table sheet (id integer primary key, folder_id integer constraint f references folder) partition by range (id); create table sheet_1 partition of sheet default`;
  it.each([
    [
      'tables',
      `create table folder (id integer primary key, closed_on date); create table sheet (id integer primary key, folder_id integer constraint f references folder)`,
    ],
    ['partitioned tables', PARTITIONED],
    [
      'an index for some rows only',
      `create table folder (id integer primary key, closed_on date); create index on folder (closed_on) where id > 5; create table sheet (id integer primary key, folder_id integer constraint f references folder); create index on sheet (folder_id) where id > 5`,
    ],
    [
      'an index that begins with something else',
      `create table folder (id integer primary key, closed_on date); create index on folder (id, closed_on); create table sheet (id integer primary key, folder_id integer constraint f references folder); create index on sheet (id, folder_id)`,
    ],
  ])('%s', async (_name, setup) => {
    await within(setup);
    const schedule = [{ references: { f: 'owned' } }, BY_DAY] as const;
    const found = await findings(...schedule);
    expect(errorsOf(found)).toEqual([
      `INDEX_MISSING ${CLASS}.references.f`,
      'INDEX_MISSING rules.rule.trigger.column',
    ]);
    for (const { message } of found) {
      await admin.sql.unsafe(/run: (CREATE INDEX .*;)$/.exec(message)?.[1] ?? 'no statement');
    }
    expect(await findings(...schedule)).toEqual([]);
  });
});
