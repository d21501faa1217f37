import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectStore } from '../../stores/postgres/connection.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { deleteAfter, scheduleText } from './small-schedule.ts';
import { asRole, idsOf, refusalOf } from './tampering.ts';

const DENIED = '42501';
const GOVERNED = ['public.folder', 'public.sheet', 'public.complaint', 'public.letter'];
const GUARD_TABLES = [
  'plan',
  'step',
  'decision',
  'hold',
  'hold_key',
  'hold_subject',
  'hold_state',
  'matter',
  'batch',
  'batch_staged',
  'batch_sealed',
  'lane',
  'run',
  'planned',
  'installation',
  'key_epoch',
  'event',
  'event_state',
];

let governed: Governed;

beforeAll(async () => {
  governed = await governedDatabase({
    setup: async (sql) => {
      await sql.unsafe(`
        create table folder (id integer primary key, closed_on date, title text);
        create index on folder (closed_on);
        create table sheet (id integer primary key, folder_id integer references folder);
        create index on sheet (folder_id);
        create table complaint (id integer primary key, folder_id integer references folder);
        create index on complaint (folder_id);
        create table letter (id integer primary key, folder_id integer references folder);
        create index on letter (folder_id);
        insert into folder values (1, '2001-01-01', 'old'), (2, '2026-01-01', 'young'), (3, '2001-01-01', 'blocked');
        insert into sheet values (1, 1), (2, 2);
        insert into complaint values (1, 3);
        insert into letter values (1, 1)`);
    },
    schedule: scheduleText({
      classes: {
        folder: {
          table: 'public.folder',
          references: {
            sheet_folder_id_fkey: 'owned',
            complaint_folder_id_fkey: 'blocking',
            letter_folder_id_fkey: 'detached',
          },
        },
      },
      rules: { folder_rule: deleteAfter('folder', 'closed_on') },
    }),
  });
});
afterAll(() => governed.end());

const tried = (role: string, statement: string) =>
  asRole(governed.url, role, (sql) => refusalOf(sql.unsafe(statement)));

async function columnOf(table: string): Promise<string> {
  const [row] = await governed.sql<{ name: string }[]>`
    select quote_ident(attname) as name from pg_attribute
     where attrelid = ${table}::regclass and attnum > 0 and attgenerated = '' and attidentity <> 'a' order by attnum limit 1`;
  return row?.name ?? '';
}

describe('a stolen worker credential', () => {
  it.each(GOVERNED)('cannot read, change, delete or truncate %s', async (table) => {
    const column = await columnOf(table);
    for (const statement of [
      `select * from ${table}`,
      `select ${column} from ${table} for update`,
      `update ${table} set ${column} = ${column}`,
      `delete from ${table}`,
      `truncate ${table} cascade`,
      `insert into ${table} (${column}) values (99)`,
    ]) {
      expect([statement, await tried('retain_worker', statement)]).toEqual([statement, DENIED]);
    }
    expect(await idsOf(governed.sql, 'folder')).toEqual([1, 2, 3]);
    expect(await idsOf(governed.sql, 'sheet')).toEqual([1, 2]);
  });

  it.each(GUARD_TABLES)('cannot write retain_guard.%s', async (name) => {
    const table = `retain_guard.${name}`;
    const column = await columnOf(table);
    for (const statement of [
      `insert into ${table} default values`,
      `update ${table} set ${column} = ${column}`,
      `delete from ${table}`,
      `truncate ${table} cascade`,
    ]) {
      expect([statement, await tried('retain_worker', statement)]).toEqual([statement, DENIED]);
    }
  });

  it('cannot read holds', async () => {
    for (const table of ['hold', 'hold_key', 'hold_subject', 'matter']) {
      expect(await tried('retain_worker', `select * from retain_guard.${table}`)).toBe(DENIED);
    }
  });

  it('cannot take another role of the guard, nor create anything in its schema', async () => {
    for (const statement of [
      'create table retain_guard.mine (id integer)',
      "create function retain_guard.refuse(text) returns void language sql as 'select'",
      'alter function retain_guard.dispose_batch(uuid, integer, integer, bigint, integer) reset all',
    ]) {
      expect([statement, await tried('retain_worker', statement)]).toEqual([statement, DENIED]);
    }
  });
});

describe('a stolen app or auditor credential', () => {
  it.each(GOVERNED)('app reads %s to plan, and changes nothing', async (table) => {
    const column = await columnOf(table);
    expect(await tried('retain_app', `select * from ${table}`)).toBe('none');
    for (const statement of [
      `update ${table} set ${column} = ${column}`,
      `delete from ${table}`,
      `truncate ${table} cascade`,
    ]) {
      expect([statement, await tried('retain_app', statement)]).toEqual([statement, DENIED]);
    }
    expect(await tried('retain_auditor', `select * from ${table}`)).toBe(DENIED);
  });

  it('neither destroys, seals, nor writes past the functions', async () => {
    for (const role of ['retain_app', 'retain_auditor']) {
      for (const statement of [
        'select retain_guard.dispose_batch(gen_random_uuid(), 1, 1, 1, 1)',
        "select retain_guard.seal_batch(gen_random_uuid(), 'k', '', '', 'x', false)",
        'delete from retain_guard.batch',
        "select retain_guard.tell('plan', '{}', '{}')",
        "select retain_guard.mark_integrated('{}', '{}', '{}', '{}')",
        "insert into retain_guard.event values (1, 'plan', '{}', '{}', now())",
        'update retain_guard.event set first_index = 1',
        'delete from retain_guard.event',
        "update retain_guard.hold set because = 'x'",
        'insert into retain_guard.decision (run_id) values (gen_random_uuid())',
      ]) {
        expect([role, statement, await tried(role, statement)]).toEqual([role, statement, DENIED]);
      }
    }
  });

  it('the auditor never sees a key that is not sealed, nor a planned one', async () => {
    for (const table of ['batch_staged', 'planned', 'hold_key', 'hold_subject']) {
      expect(await tried('retain_auditor', `select * from retain_guard.${table}`)).toBe(DENIED);
    }
    expect(await tried('retain_auditor', 'select * from retain_guard.batch_sealed')).toBe('none');
  });
});

it('a superuser can delete a record directly: documented, and not in the log', async () => {
  await governed.sql.begin(async (sql) => {
    await sql`insert into folder values (77, '2026-01-01', 'planted')`;
  });
  expect((await governed.sql`delete from folder where id = 77`).count).toBe(1);
  expect((await governed.sql`select from retain_guard.batch`).length).toBe(0);
  expect(await idsOf(governed.sql, 'folder')).toEqual([1, 2, 3]);
});

it('a session that was asked to be the worker is the worker, whatever its login may do', async () => {
  const connection = await connectStore('records', governed.url, 'retain_worker');
  const [who] = await connection.sql<{ name: string }[]>`select current_user::text as name`;
  await connection.end();
  expect(who?.name).toBe('retain_worker');
});
