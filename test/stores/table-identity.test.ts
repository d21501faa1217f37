import postgres, { type Sql } from 'postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { waitFor } from '../support/wait.ts';
import { closingTable, deleteAfter, scheduleText } from './small-schedule.ts';
import { idsOf, refusalOf, weaken } from './tampering.ts';

// Beside the governed tables stand others, older than any plan, with the same names and constraints in
// another schema: a partition, a whole table, and one that waits to be attached.
const SOUTH = `(id integer not null, region text not null, closed_on date,
  constraint folder_south_pkey primary key (id, region), constraint south check (region = 'south'))`;
const TABLES = `
  create schema other;
  create table folder (id integer, region text, closed_on date, primary key (id, region)) partition by list (region);
  create table folder_north partition of folder for values in ('north');
  create table folder_south ${SOUTH}; create table other.folder_south ${SOUTH};
  create table arriving (id integer not null, region text not null, closed_on date, primary key (id, region),
    constraint west check (region = 'west'));
  create index on folder (closed_on);
  alter table folder attach partition folder_south for values in ('south');
  create index on other.folder_south (closed_on);
  ${closingTable('card')} ${closingTable('other.card')}
  insert into folder select n, 'north', '2001-01-01' from generate_series(1, 3) n;
  insert into folder select n, 'south', '2001-01-01' from generate_series(11, 13) n;
  insert into other.folder_south select n, 'south', '2001-01-01' from generate_series(1, 13) n;
  insert into arriving select n, 'west', '2001-01-01' from generate_series(1, 3) n;
  insert into card select n, '2001-01-01' from generate_series(1, 3) n;
  insert into other.card select n, '2001-01-01' from generate_series(1, 3) n`;

let governed: Governed;
let other: Sql;
beforeEach(async () => {
  governed = await governedDatabase({
    setup: (sql) => sql.unsafe(TABLES),
    schedule: scheduleText({
      classes: {
        folder: { table: 'public.folder', key: ['id', 'region'] },
        card: { table: 'public.card' },
      },
      rules: {
        folder_rule: deleteAfter('folder', 'closed_on'),
        card_rule: deleteAfter('card', 'closed_on'),
      },
    }),
  });
  other = postgres(governed.url, { max: 1, onnotice: () => undefined });
});
afterEach(async () => {
  await other.end({ timeout: 5 });
  await governed.end();
});

const SWAPS = [
  [
    'folder',
    `alter table folder detach partition folder_south; create schema aside;
     alter table folder_south set schema aside; alter table other.folder_south set schema public;
     alter table folder attach partition folder_south for values in ('south')`,
    'aside.folder_south',
    3 + 13,
  ],
  [
    'card',
    `create schema aside; alter table card set schema aside; alter table other.card set schema public;
     grant all on card to retain_guard_owner; grant select on card to retain_app`,
    'aside.card',
    3,
  ],
] as const;

describe.each(SWAPS)('another table that takes the place of %s', (table, swap, gone, rows) => {
  it.each(['before the run is opened', 'between two batches'])('%s: SCHEMA_DRIFT', async (when) => {
    const plan = await governed.plan({ rules: [`${table}_rule`] });
    await governed.approve(plan);
    const early = when.startsWith('before');
    if (!early) await governed.open(plan);
    await governed.sql.unsafe(swap);
    const work = early ? governed.open(plan) : governed.workLane(plan, 1, 1);
    expect(await refusalOf(work)).toBe('SCHEMA_DRIFT');
    expect(await idsOf(governed.sql, table)).toHaveLength(rows);
    expect(await idsOf(governed.sql, gone)).toHaveLength(3);
    expect(await idsOf(governed.sql, 'arriving')).toHaveLength(3);
  });

  it('twin: a guard that goes by names destroys rows that nobody planned', async () => {
    const restore = await weaken(
      governed.sql,
      'schema_sha256',
      'c.oid, c.oid::regclass',
      '0, c.oid::regclass',
    );
    const plan = await governed.plan({ rules: [`${table}_rule`] });
    await governed.approve(plan);
    await governed.open(plan);
    await governed.sql.unsafe(swap);
    await governed.workLane(plan, 1, 1);
    await restore();
    expect((await idsOf(governed.sql, table)).length).toBeLessThan(rows);
    expect(await idsOf(governed.sql, gone)).toHaveLength(3);
  });
});

describe('a partition with old rows, attached while a batch deletes', () => {
  async function attachedInMidBatch(): Promise<string> {
    const plan = await governed.plan({ rules: ['folder_rule'] });
    await governed.approve(plan);
    await governed.open(plan);
    const lane = { run: plan.document.run, step: 1, lane: 1 };
    const { fence } = await governed.guard.claimLane(lane);
    let batch: Promise<string> | undefined;
    await other.begin(async (tx) => {
      await tx`select from folder where id = 2 for update`;
      batch = refusalOf(governed.guard.disposeBatch(lane, fence, 10));
      await waitFor(
        async () =>
          (
            await governed.sql`select from pg_locks where not granted and locktype = 'transactionid'`
          ).length > 0,
        { what: 'the batch to wait for the row', everyMs: 5 },
      );
      await governed.sql`alter table folder attach partition arriving for values in ('west')`;
    });
    return (await batch) ?? '';
  }

  it('SCHEMA_DRIFT: neither its rows nor any other goes', async () => {
    expect(await attachedInMidBatch()).toBe('SCHEMA_DRIFT');
    expect(await idsOf(governed.sql, 'arriving')).toEqual([1, 2, 3]);
    expect(await idsOf(governed.sql, 'folder')).toHaveLength(9);
    expect(await governed.sql`select from retain_guard.batch`).toHaveLength(0);
  });

  it('twin: a guard that does not compare again at the end does not notice', async () => {
    const restore = await weaken(
      governed.sql,
      'dispose_batch',
      "(sql ->> 'partitioned')::boolean and",
      'false and',
    );
    expect(await attachedInMidBatch()).toBe('none');
    await restore();
    expect((await idsOf(governed.sql, 'folder')).length).toBeLessThan(9);
  });
});
