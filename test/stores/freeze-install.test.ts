import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { scheduleInForce } from '../../app/context.ts';
import { checkStore, installStore, uninstallStore } from '../../app/store-admin.ts';
import type { RetentionSchedule } from '../../domain/schedule.ts';
import { type FrozenEstate, frozenEstate, ofClass } from './frozen-estate.ts';
import { refusalOf } from './tampering.ts';

let estate: FrozenEstate;
let schedule: RetentionSchedule;
beforeAll(async () => {
  estate = await frozenEstate({
    ...{ unrelated: 'off', line: 'off', note: 'refuse-delete-only' },
    ...{ customer: 'refuse', contract: 'refuse-delete-only' },
  });
  schedule = (await scheduleInForce(estate.governed.retain)).schedule;
});
afterAll(() => estate.end());
beforeEach(() => estate.fill());

const check = () => checkStore(estate.governed.retain, schedule, estate.governed.store);
const install = () => installStore(estate.governed.retain, schedule, estate.governed.store);
const outcome = (statement: string) => refusalOf(estate.governed.sql.unsafe(statement));

async function triggers(): Promise<{ name: string; oid: string }[]> {
  return estate.governed.sql<{ name: string; oid: string }[]>`
    select tgrelid::regclass || ' ' || substr(tgname, 15) as name, oid::text as oid from pg_trigger
     where tgname like 'retain\\_freeze\\_%' order by 1`;
}

describe('what the schedule says of a table', () => {
  it('decides which triggers it gets, the strictest where several classes speak, on every partition', async () => {
    const all = ['delete', 'truncate', 'update'];
    const of = (table: string, events = all) => events.map((event) => `${table} ${event}`);
    expect((await triggers()).map(({ name }) => name)).toEqual(
      [
        ...['contract', 'customer', 'invoice'].flatMap((table) => of(table)),
        ...['line', 'line_high', 'line_higher', 'line_low'].flatMap((table) => of(table)),
        ...of('note', ['delete', 'truncate']),
      ].sort(),
    );
  });

  it('refuse-delete-only lets held parts be edited, not deleted', async () => {
    await estate.hold(ofClass('customer', '1'));
    expect(await outcome("update note set words = 'x' where id = 1")).toBe('none');
    expect(await outcome('delete from note where id = 1')).toBe('RH001');
    expect(await outcome('truncate note')).toBe('RH001');
  });

  it('off leaves everything to the application', async () => {
    await estate.hold(ofClass('unrelated', '1'));
    expect(await outcome('delete from unrelated where id = 1')).toBe('none');
  });
});

describe('installing', () => {
  it('again leaves every trigger as it is: no writer waits for it', async () => {
    const before = await triggers();
    await install();
    expect(await triggers()).toEqual(before);
    expect(await check()).toEqual([]);
  });

  const BROKEN: readonly [string, string][] = [
    ['a trigger that is gone', 'drop trigger retain_freeze_delete on customer'],
    ['a trigger that is off', 'alter table customer disable trigger retain_freeze_delete'],
    ['a trigger that a replica skips', 'alter table customer enable trigger retain_freeze_delete'],
    [
      'a trigger with another condition',
      `create or replace trigger retain_freeze_update after update on customer referencing old table as gone
         for each statement when (false) execute function retain_guard.FUNCTION()`,
    ],
    [
      'a trigger too many',
      `create trigger retain_freeze_update after update on note referencing old table as gone
         for each statement execute function retain_guard.FUNCTION()`,
    ],
    [
      'a new partition',
      'create table line_next partition of line for values from (1000) to (2000)',
    ],
    ['a function that is gone', 'drop function retain_guard.FUNCTION cascade'],
    [
      'a function that does nothing',
      `create or replace function retain_guard.FUNCTION() returns trigger language plpgsql security definer
         set search_path = pg_catalog, pg_temp as 'begin return null; end'`,
    ],
    [
      'a function with other settings',
      'alter function retain_guard.FUNCTION set enable_indexscan = off',
    ],
    [
      'a function of no table',
      `create function retain_guard.frozen_more() returns trigger language plpgsql as 'begin return null; end'`,
    ],
  ];
  it.each(BROKEN)('mends what the check finds: %s', async (_what, statement) => {
    const { sql } = estate.governed;
    const [row] = await sql<{ name: string }[]>`
      select f.proname::text as name from pg_trigger g join pg_proc f on f.oid = g.tgfoid
       where g.tgrelid = 'customer'::regclass and g.tgname = 'retain_freeze_delete'`;
    await sql.unsafe(statement.replaceAll('FUNCTION', row?.name ?? ''));
    expect((await check()).map(({ code }) => code)).toContain('GUARD_MISMATCH');
    await install();
    expect(await check()).toEqual([]);
  });
});

describe('while a hold reaches them', () => {
  const LOST: readonly [string, string][] = [
    ['a table is not dropped', 'drop table line'],
    ['nor a partition', 'drop table line_low'],
    ['nor detached', 'alter table line detach partition line_low'],
    ['nor detached with what is below', 'alter table line detach partition line_high'],
    ['nor a schema with it', 'drop schema public cascade'],
    ['a trigger is not dropped', 'drop trigger retain_freeze_delete on customer'],
    ['nor disabled', 'alter table customer disable trigger retain_freeze_delete'],
    ['nor all of them', 'alter table customer disable trigger all'],
    ['nor moved out of replays', 'alter table customer enable trigger retain_freeze_delete'],
  ];
  it.each(LOST)('%s', async (_what, statement) => {
    const before = await triggers();
    await estate.hold(ofClass('line', '1:13:x:1'));
    expect(await outcome(statement)).toBe('RH001');
    expect(await triggers()).toEqual(before);
  });

  it('a table that no hold reaches is altered and dropped as ever', async () => {
    await estate.hold(ofClass('customer', '1'));
    const work = estate.governed.sql.begin(async (sql) => {
      await sql`alter table unrelated add column more text`;
      await sql`alter table customer add column more text`;
      await sql`drop table unrelated`;
      throw Object.assign(new Error('done'), { code: 'done' });
    });
    expect(await refusalOf(work)).toBe('done');
  });

  it('installing still changes triggers, and uninstalling removes them', async () => {
    await estate.hold(ofClass('customer', '1'));
    const { retain, store } = estate.governed;
    await uninstallStore(retain, schedule, store);
    expect(await triggers()).toEqual([]);
    await install();
    expect(await check()).toEqual([]);
  });
});

it('twin: without the event triggers the owner drops a partition with held rows', async () => {
  const { sql } = estate.governed;
  await estate.hold(ofClass('line', '1:13:x:1'));
  const work = sql.begin(async (own) => {
    await own`drop event trigger retain_freeze_drop`;
    await own`drop table line_low`;
    throw Object.assign(new Error('dropped'), { code: 'dropped' });
  });
  expect(await refusalOf(work)).toBe('dropped');
});

it('twin: what the check finds is real: without the trigger a held record goes', async () => {
  await estate.hold(ofClass('customer', '1'));
  const { sql } = estate.governed;
  const gone = sql.begin(async (own) => {
    await own`drop event trigger retain_freeze_alter`;
    await own`alter table customer disable trigger user`;
    await own`alter table contract disable trigger user`;
    await own`alter table invoice disable trigger user`;
    await own`alter table line disable trigger user`;
    await own`alter table note disable trigger user`;
    await own`delete from customer where id = 1`;
    throw Object.assign(new Error('deleted'), { code: 'deleted' });
  });
  expect(await refusalOf(gone)).toBe('deleted');
});

it('uninstalling takes the triggers away, installing brings them back', async () => {
  const { retain, store } = estate.governed;
  const before = (await triggers()).map(({ name }) => name);
  await uninstallStore(retain, schedule, store);
  expect(await triggers()).toEqual([]);
  expect(await outcome("update customer set name = 'x'")).toBe('none');
  await install();
  expect((await triggers()).map(({ name }) => name)).toEqual(before);
  expect(await check()).toEqual([]);
});
