import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkStore, installStore, uninstallStore } from '../../app/store-admin.ts';
import { parseSchedule } from '../../config/schedule-file.ts';
import type { RetentionSchedule } from '../../domain/schedule.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { deleteAfter, scheduleText } from './small-schedule.ts';
import { asRole, idsOf, refusalOf } from './tampering.ts';
import { mark, newest, told } from './told.ts';

// In a schema of its own: everybody may use `public`.
const TEXT = scheduleText({
  classes: {
    folder: { table: 'papers.folder', references: { complaint_folder_id_fkey: 'blocking' } },
  },
  rules: { folder_rule: deleteAfter('folder', 'closed_on') },
});
const scheduleOf = (text: string): RetentionSchedule => {
  const { schedule } = parseSchedule(text, 'test.yaml');
  if (!schedule) throw new Error('the schedule does not parse');
  return schedule;
};
const SCHEDULE = scheduleOf(TEXT);
const OF_ANOTHER_STORE = scheduleOf(TEXT.replaceAll('"records"', '"others"'));

let governed: Governed;
beforeEach(async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`create schema papers;
        create table papers.folder (id integer primary key, closed_on date);
        create index on papers.folder (closed_on);
        create table papers.complaint (id integer primary key,
          folder_id integer constraint complaint_folder_id_fkey references papers.folder);
        create index on papers.complaint (folder_id);
        insert into papers.folder select n, '2001-01-01' from generate_series(1, 4) n;
        insert into papers.folder values (5, '2026-01-01');
        insert into papers.complaint values (1, 4)`),
    schedule: TEXT,
  });
});
afterEach(() => governed.end());

const uninstall = () => refusalOf(uninstallStore(governed.retain, SCHEDULE, governed.store));
const folders = () => idsOf(governed.sql, 'papers.folder');
const check = async () =>
  (await checkStore(governed.retain, SCHEDULE, governed.store)).map(({ code }) => code);

async function state() {
  const [row] = await governed.sql<
    { planned: number; batches: number; usage: number; installed: number }[]
  >`
    select (select count(*) from retain_guard.planned)::integer as planned,
           (select count(*) from retain_guard.batch)::integer as batches,
           (select count(*) from retain_guard.installation)::integer as installed,
           (select count(*) from unnest(array['retain_guard_owner', 'retain_app', 'retain_worker']) as r(name)
             where has_schema_privilege(r.name, 'papers', 'usage')
                or has_any_column_privilege(r.name, 'papers.folder', 'select, insert, update')
                or has_table_privilege(r.name, 'papers.folder', 'delete'))::integer as usage`;
  return row;
}

describe('uninstalling', () => {
  it('is refused while a run is open, which then goes on', async () => {
    const plan = await governed.plan();
    await governed.approve(plan);
    await governed.open(plan);
    expect(await uninstall()).toBe('RUN_OPEN');
    expect(await check()).toEqual([]);
    await governed.workLane(plan, 1, 1);
    expect((await governed.close(plan)).outcome).toBe('completed');
    expect(await folders()).toEqual([4, 5]);
    expect(await uninstall()).toBe('none');
  });

  it('is refused while keys wait to be sealed, even those of a run that is closed', async () => {
    const plan = await governed.plan();
    await governed.approve(plan);
    await governed.open(plan);
    const lane = { run: plan.document.run, step: 1, lane: 1 };
    const { fence } = await governed.guard.claimLane(lane);
    const { staged } = await governed.guard.disposeBatch(lane, fence, 10);
    expect(staged?.keys).toHaveLength(3);
    await governed.sql`update retain_guard.run set closed_at = clock_timestamp(), outcome = 'stopped', report = '{}'`;
    expect(await uninstall()).toBe('RUN_OPEN');
    expect(await governed.guard.stagedBatches(lane)).toEqual([staged]);
    expect(await check()).toEqual([]);
  });

  it('leaves no planned key and no right, not even to look into the schema', async () => {
    const run = await governed.plan();
    await governed.carryOut(run);
    await governed.close(run);
    await governed.sql`insert into papers.folder values (6, '2001-01-01')`;
    await governed.plan();
    expect(await state()).toMatchObject({ planned: 1, usage: 2, batches: 1, installed: 1 });
    expect(await uninstall()).toBe('none');
    expect(await state()).toEqual({ planned: 0, usage: 0, batches: 1, installed: 0 });
    expect(await folders()).toEqual([4, 5, 6]);

    await installStore(governed.retain, SCHEDULE, governed.store);
    expect(await check()).toEqual([]);
    const next = await governed.plan();
    await governed.carryOut(next);
    expect((await governed.close(next)).outcome).toBe('completed');
    expect(await folders()).toEqual([4, 5]);
    expect(await state()).toMatchObject({ planned: 0, batches: 2, installed: 1 });
  });
});

describe('what the ledger is told of it', () => {
  it('that the guard was removed, once, and that it came again', async () => {
    const before = await newest(governed.sql);
    expect(await uninstall()).toBe('none');
    expect(await uninstall()).toBe('none');
    const [removed, ...more] = await told(governed.sql, before);
    expect(removed).toMatchObject({ kind: 'guard.remove', body: { guard_version: 1 }, names: {} });
    expect(more).toEqual([]);
    await installStore(governed.retain, SCHEDULE, governed.store);
    expect(await told(governed.sql, before + 1)).toMatchObject([
      { n: before + 2, kind: 'guard.install' },
    ]);
  });

  it('nothing when it was refused', async () => {
    const plan = await governed.plan();
    await governed.approve(plan);
    await governed.open(plan);
    const before = await newest(governed.sql);
    expect(await uninstall()).toBe('RUN_OPEN');
    expect(await told(governed.sql, before)).toEqual([]);
  });

  it('can still be read and noted to the last statement, and nothing else can be done', async () => {
    await governed.carryOut(await governed.plan());
    await governed.sql`update retain_guard.run set closed_at = clock_timestamp(), outcome = 'completed', report = '{}'`;
    expect(await uninstall()).toBe('none');
    const last = await newest(governed.sql);
    const tried = (role: string, statement: string) =>
      asRole(governed.url, role, (sql) => refusalOf(sql.unsafe(statement)));
    for (const role of ['retain_worker', 'retain_auditor']) {
      for (const table of ['event', 'batch', 'batch_sealed']) {
        expect(await tried(role, `select * from retain_guard.${table}`)).toBe('none');
      }
    }
    expect(await refusalOf(mark(governed.url, { events: [last], eventIndexes: [9] }))).toBe('none');
    expect(await refusalOf(mark(governed.url, { events: [last], eventIndexes: [8] }))).toBe(
      'BATCH_MISMATCH',
    );
    expect(await tried('retain_worker', 'select * from retain_guard.plan')).toBe('42501');
    expect(await tried('retain_worker', 'delete from retain_guard.event')).toBe('42501');
    expect(await tried('retain_app', 'select * from retain_guard.event')).toBe('42501');
    const left = await governed.sql<{ name: string }[]>`
      select proname::text as name from pg_proc where pronamespace = 'retain_guard'::regnamespace order by 1`;
    expect(left.map(({ name }) => name)).toEqual(['mark_integrated', 'refuse']);
  });
});

describe('a second store in the same database', () => {
  it('GUARD_MISMATCH, and the first goes on', async () => {
    const second = installStore(governed.retain, OF_ANOTHER_STORE, 'others');
    expect(await refusalOf(second)).toBe('GUARD_MISMATCH');
    const installed = await governed.sql`select store from retain_guard.installation`;
    expect([...installed]).toEqual([{ store: 'records' }]);
    expect(await check()).toEqual([]);
    await governed.carryOut(await governed.plan());
    expect(await folders()).toEqual([4, 5]);
  });

  it('a plan that names the other store is not run', async () => {
    const plan = await governed.plan();
    await governed.approve(plan);
    await governed.open(plan);
    await governed.sql`update retain_guard.installation set store = 'others'`;
    expect(await refusalOf(governed.workLane(plan, 1, 1))).toBe('GUARD_MISMATCH');
    expect(await refusalOf(governed.plan())).toBe('GUARD_MISMATCH');
    expect(await folders()).toEqual([1, 2, 3, 4, 5]);
  });
});
