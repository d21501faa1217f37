import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkStore, installStore, uninstallStore } from '../../app/store-admin.ts';
import { parseSchedule } from '../../config/schedule-file.ts';
import type { RetentionSchedule } from '../../domain/schedule.ts';
import type { StoreFinding } from '../../stores/postgres/store-finding.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { deleteAfter, scheduleText } from './small-schedule.ts';
import { asRole, idsOf, refusalOf } from './tampering.ts';

const TEXT = scheduleText({
  classes: {
    folder: {
      table: 'public.folder',
      references: { sheet_folder_id_fkey: 'owned', letter_folder_id_fkey: 'detached' },
    },
  },
  rules: { folder_rule: deleteAfter('folder', 'closed_on') },
});

let governed: Governed;
let schedule: RetentionSchedule;

beforeAll(async () => {
  governed = await governedDatabase({
    setup: async (sql) => {
      await sql.unsafe(`
        create table folder (id integer, closed_on date not null, title text, primary key (id));
        create index on folder (closed_on);
        create table sheet (id integer primary key, folder_id integer references folder);
        create index on sheet (folder_id);
        create table letter (id integer primary key, folder_id integer references folder);
        create index on letter (folder_id);
        create table elsewhere (id integer primary key, note text);
        create table shelved (id integer, part integer) partition by list (part);
        create table shelved_1 partition of shelved for values in (1);
        insert into folder values (1, '2001-01-01', 'old'), (2, '2026-01-01', 'young');
        insert into sheet values (1, 1), (2, 2)`);
    },
    schedule: TEXT,
  });
  const parsed = parseSchedule(TEXT, 'test.yaml');
  if (!parsed.schedule) throw new Error('the schedule does not parse');
  schedule = parsed.schedule;
});
afterAll(() => governed.end());

const check = () => checkStore(governed.retain, schedule, governed.store);
const codes = (findings: readonly StoreFinding[]) => findings.map(({ code }) => code);

it('a store as installed has no findings', async () => {
  expect(await check()).toEqual([]);
});

describe('an excess right is found, and the statement beside it mends it', () => {
  it.each([
    'grant delete on folder to retain_worker',
    'grant delete on folder to public',
    'grant update on sheet to retain_worker',
    'grant update (title) on folder to retain_worker',
    'grant update (title) on folder to public',
    'grant update (title) on folder to retain_guard_owner',
    'grant truncate on folder to retain_app',
    'grant insert on letter to retain_app',
    'grant select on folder to retain_worker',
    'grant delete on elsewhere to retain_worker',
    'grant delete on shelved_1 to retain_worker',
    'grant update (note) on elsewhere to retain_worker',
    'grant update (part) on shelved_1 to retain_guard_owner',
    'grant retain_guard_owner to retain_worker',
    'grant retain_app to retain_worker',
    'alter role retain_guard_owner login',
    'grant insert on retain_guard.decision to retain_worker',
    'grant delete on retain_guard.hold_key to retain_app',
    'grant update (control) on retain_guard.run to retain_worker',
    'grant select on retain_guard.hold_key to public',
    'grant execute on function retain_guard.register_plan to retain_worker',
    'grant execute on function retain_guard.dispose_batch to public',
    'grant create on schema retain_guard to retain_app',
  ])('%s', async (grant) => {
    await governed.sql.unsafe(grant);
    const findings = await check();
    try {
      expect(new Set(codes(findings))).toEqual(new Set(['RIGHTS_EXCESS']));
    } finally {
      for (const { statement } of findings) await governed.sql.unsafe(statement ?? '');
      await undo(grant);
    }
    expect(await check()).toEqual([]);
  });
});

/** In case nothing was found: roles are shared by every database of the server. */
async function undo(grant: string): Promise<void> {
  const back = grant.startsWith('alter')
    ? 'alter role retain_guard_owner nologin'
    : grant.replace(/^grant/, 'revoke').replace(/ to (\w+)$/, ' from $1');
  await governed.sql.unsafe(back);
  await installStore(governed.retain, schedule, governed.store);
}

describe('a missing right is found, and the statement beside it mends it', () => {
  it.each([
    'revoke delete on folder from retain_guard_owner',
    'revoke delete on sheet from retain_guard_owner',
    'revoke select on folder from retain_app',
    'revoke update (folder_id) on letter from retain_guard_owner',
    'revoke execute on function retain_guard.dispose_batch from retain_worker',
    'revoke select on retain_guard.plan from retain_worker',
    'revoke usage on schema retain_guard from retain_worker',
  ])('%s', async (revoke) => {
    await governed.sql.unsafe(revoke);
    const findings = await check();
    for (const { statement } of findings) await governed.sql.unsafe(statement ?? '');
    await installStore(governed.retain, schedule, governed.store);
    expect(new Set(codes(findings))).toEqual(new Set(['RIGHTS_MISSING']));
    expect(await check()).toEqual([]);
  });
});

it('twin: the planted excess is real: with it a worker destroys without the guard', async () => {
  const wipe = () =>
    asRole(governed.url, 'retain_worker', (sql) => refusalOf(sql`truncate folder cascade`));
  expect(await wipe()).toBe('42501');
  await governed.sql`create table spare as select * from folder`;
  await governed.sql`grant truncate on folder, sheet, letter to retain_worker`;
  expect(await wipe()).toBe('none');
  expect(await idsOf(governed.sql, 'folder')).toEqual([]);
  await governed.sql`revoke truncate on folder, sheet, letter from retain_worker`;
  await governed.sql`insert into folder select * from spare`;
  await governed.sql`drop table spare`;
});

describe('uninstalling', () => {
  beforeEach(async () => {
    await governed.sql`insert into folder values (10, '2001-01-01', 'for the log') on conflict do nothing`;
    const plan = await governed.plan();
    await governed.carryOut(plan);
    await governed.close(plan);
  });

  const logged = async () => {
    const [row] = await governed.sql<{ batches: number; sealed: number; plans: number }[]>`
      select (select count(*) from retain_guard.batch)::integer as batches,
             (select count(*) from retain_guard.batch_sealed)::integer as sealed,
             (select count(*) from retain_guard.plan)::integer as plans`;
    return row;
  };

  it('keeps every row of the log, takes every right, and installing again goes on', async () => {
    const before = await logged();
    expect(before?.batches).toBeGreaterThan(0);
    expect(before?.sealed).toBe(before?.batches);
    await uninstallStore(governed.retain, schedule, governed.store);
    expect(await logged()).toEqual(before);
    expect(codes(await check())).toEqual(['GUARD_MISSING']);
    const rights = await governed.sql`
      select r.rolname, t.name from pg_roles r, unnest(array['folder', 'sheet', 'letter']) as t(name)
       where r.rolname in ('retain_guard_owner', 'retain_app', 'retain_worker', 'retain_auditor')
         and (has_any_column_privilege(r.oid, t.name, 'select, insert, update, references')
              or has_table_privilege(r.oid, t.name, 'delete, truncate, trigger'))`;
    expect(rows(rights)).toEqual([]);
    expect(
      await asRole(governed.url, 'retain_auditor', (sql) =>
        refusalOf(sql`select header from retain_guard.batch_sealed`),
      ),
    ).toBe('none');
    expect(await idsOf(governed.sql, 'folder')).toEqual([2]);

    await installStore(governed.retain, schedule, governed.store);
    expect(await check()).toEqual([]);
    expect(await logged()).toEqual(before);
    await governed.sql`insert into folder values (11, '2001-01-01', 'after')`;
    const plan = await governed.plan();
    await governed.carryOut(plan);
    expect(await idsOf(governed.sql, 'folder')).toEqual([2]);
    expect((await logged())?.batches).toBe((before?.batches ?? 0) + 1);
  });
});

const rows = (result: Iterable<unknown>) => [...result];
