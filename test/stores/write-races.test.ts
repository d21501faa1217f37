import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../domain/plan.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { waitFor } from '../support/wait.ts';
import { closingTable, deleteAfter, partTable, scheduleText } from './small-schedule.ts';
import { idsOf } from './tampering.ts';

// Once with nothing but the record itself (one statement), once with a part (locks, then decides).
const SHAPES = ['card', 'folder'] as const;
const OLD = '2001-01-01';

let governed: Governed;
let other: Sql;

beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(
        `${closingTable('card', 'title text')} ${closingTable('folder', 'title text')} ${partTable('sheet', 'folder', 'text text')}`,
      ),
    schedule: scheduleText({
      classes: {
        card: { table: 'public.card' },
        folder: { table: 'public.folder', references: { sheet_folder_id_fkey: 'owned' } },
      },
      rules: {
        card_rule: deleteAfter('card', 'closed_on'),
        folder_rule: deleteAfter('folder', 'closed_on'),
      },
    }),
  });
  other = postgres(governed.url, { max: 2, onnotice: () => undefined });
});
afterAll(async () => {
  await other.end({ timeout: 5 });
  await governed.end();
});

type Shape = (typeof SHAPES)[number];
async function seed(shape: Shape): Promise<void> {
  await governed.sql.unsafe(`delete from sheet; delete from ${shape}`);
  await governed.sql.unsafe(
    `insert into ${shape} select n, case when n = 20 then date '2026-01-01' else date '${OLD}' end from generate_series(1, 20) n`,
  );
  await governed.sql`insert into sheet select id, id from folder`;
}

async function planned(shape: Shape): Promise<Plan> {
  await seed(shape);
  return governed.plan({ rules: [`${shape}_rule`] });
}

const someoneWaits = () =>
  waitFor(
    async () =>
      (await governed.sql`select from pg_locks where not granted and locktype = 'transactionid'`)
        .length > 0,
    { what: 'the batch to wait for the row', everyMs: 5 },
  );

describe.each(SHAPES)('a %s that somebody is changing while the batch runs', (shape) => {
  it.each([
    ['re-dated to a day that is not due', '2026-01-01'],
    ['re-dated to a day that is due', '1999-01-01'],
  ])('%s, survives', async (_name, closedOn) => {
    const plan = await planned(shape);
    await governed.approve(plan);
    await governed.open(plan);
    let worked: Promise<unknown> | undefined;
    await other.begin(async (tx) => {
      await tx`update ${tx(shape)} set closed_on = ${closedOn} where id = 7`;
      worked = governed.workLane(plan, 1, 1);
      worked.catch(() => undefined);
      await waitFor(
        async () =>
          (
            await governed.sql`select from pg_locks where not granted and locktype = 'transactionid'`
          ).length > 0,
        { what: 'the batch to wait for the row', everyMs: 5 },
      );
    });
    await worked;
    expect(await idsOf(governed.sql, shape)).toEqual([7, 20]);
    const [row] =
      await governed.sql`select closed_on::text as day from ${governed.sql(shape)} where id = 7`;
    expect(row?.['day']).toBe(closedOn);
  });
});

it.each(SHAPES)(
  'a %s that is re-dated under the hands of a batch does not make its lane skip others',
  async (shape) => {
    await governed.sql.unsafe(`delete from sheet; delete from ${shape};
    insert into ${shape} select n, date '${OLD}' + n from generate_series(1, 40) n`);
    const plan = await governed.plan({ rules: [`${shape}_rule`] });
    await governed.approve(plan);
    await governed.open(plan);
    const lane = { run: plan.document.run, step: 1, lane: 1 };
    const { fence } = await governed.guard.claimLane(lane);
    let batch: Promise<unknown> | undefined;
    await other.begin(async (tx) => {
      await tx`update ${tx(shape)} set closed_on = closed_on + 30 where id = 3`;
      batch = governed.guard.disposeBatch(lane, fence, 5);
      batch.catch(() => undefined);
      await someoneWaits();
    });
    await batch;
    await governed.workLane(plan, 1, 1);
    expect(await idsOf(governed.sql, shape)).toEqual([3]);
  },
);
