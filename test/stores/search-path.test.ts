import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { matchLiveStore } from '../../app/match-store.ts';
import { placeHold } from '../../app/place-hold.ts';
import { parseSchedule } from '../../config/schedule-file.ts';
import { connectStore, type StoreConnection } from '../../stores/postgres/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { closingTable, deleteAfter, scheduleText } from './small-schedule.ts';

describe('an operator of somebody else in the schema of the tables', () => {
  // Without a fixed search path it would win over the built-in one: it fits `varchar` exactly.
  const PLANTED = `
    create table seen (at timestamptz default clock_timestamp()); grant insert on seen to public;
    create function same(varchar, varchar) returns boolean language plpgsql as
      'begin insert into public.seen default values; return true; end';
    create operator public.= (leftarg = varchar, rightarg = varchar, function = same);
    create table folder (code varchar(9) primary key, closed_on date, kind varchar(9), person varchar(9));
    create index on folder (closed_on); create index on folder (person);
    insert into folder select 'F' || n, '2001-01-01', case when n < 4 then 'k' else 'other' end, 'P' || n
      from generate_series(1, 6) n`;
  let governed: Governed;
  beforeAll(async () => {
    governed = await governedDatabase({
      setup: (sql) => sql.unsafe(PLANTED),
      schedule: scheduleText({
        classes: {
          folder: { table: 'public.folder', key: ['code'], subjects: { person: 'person' } },
        },
        rules: { folder_rule: deleteAfter('folder', 'closed_on', { where: { kind: 'k' } }) },
      }),
    });
  });
  afterAll(() => governed.end());

  const seen = async () => (await governed.sql`select from seen`).length;

  it('is never called: not by planning, holding, disposing or closing', async () => {
    await placeHold(governed.retain, {
      ...{ matter: 'M-1', openMatterTitle: 'A matter', reason: 'litigation', because: 'a claim' },
      ...{ actor: 'amira', reviewOn: '2030-01-01', subjects: [{ kind: 'person', id: 'P3' }] },
      keys: [{ recordClass: 'folder', key: ['F2'] }],
    });
    const plan = await governed.plan();
    expect(plan.document.steps[0]?.counts).toMatchObject({ due: 3, held: 2, destroys: 1 });
    await governed.carryOut(plan);
    expect((await governed.close(plan)).outcome).toBe('completed');
    const left = await governed.sql<{ code: string }[]>`select code from folder order by code`;
    expect(left.map(({ code }) => code)).toEqual(['F2', 'F3', 'F4', 'F5', 'F6']);
    expect(await seen()).toBe(0);
  });

  it('twin: it is called by whoever looks into that schema', async () => {
    const rows = await governed.sql`select from folder where kind = 'k'::varchar`;
    expect(rows).toHaveLength(5);
    expect(await seen()).toBe(5);
    await governed.sql`delete from seen`;
  });
});

describe('a condition on a column that compares', () => {
  let database: TestDatabase;
  let admin: StoreConnection;
  beforeAll(async () => {
    database = await createDatabase();
    admin = await connectStore('records', database.url, 'admin');
    await admin.sql.unsafe(`
      set search_path = public;
      create type span as range (subtype = integer);
      create type pair as (a integer, b integer);
      create type mood as enum ('good', 'bad');
      create domain label as text; create domain feeling as mood; create domain stretch as span;
      ${closingTable('folder', 'built_in int4range, own span, twin pair, status mood, tag label, felt feeling, run stretch')};
      reset search_path`);
  });
  afterAll(async () => {
    await admin.end();
    await database.drop();
  });

  it.each([
    ['as PostgreSQL does', { built_in: '[1,2)' }, []],
    ['as an enum', { status: 'good' }, []],
    ['as a domain over text', { tag: 'x' }, []],
    ['as a domain over an enum', { felt: 'bad' }, []],
    ['as a type of its own', { own: '[1,2)' }, ['WHERE_TYPE']],
    ['as a row', { twin: '(1,2)' }, ['WHERE_TYPE']],
    ['as a domain over a type of its own', { run: '[1,2)' }, ['WHERE_TYPE']],
  ])('%s', async (_name, where, codes) => {
    const { schedule } = parseSchedule(
      scheduleText({
        classes: { folder: { table: 'public.folder' } },
        rules: { folder_rule: deleteAfter('folder', 'closed_on', { where }) },
      }),
      'test.yaml',
    );
    if (!schedule) throw new Error('the schedule does not parse');
    const { findings } = await matchLiveStore(admin, schedule);
    expect(findings.map(({ code }) => code)).toEqual(codes);
  });
});
