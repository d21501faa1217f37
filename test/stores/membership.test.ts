import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchCounts } from '../../domain/disposal.ts';
import type { Plan } from '../../domain/plan.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { closingTable, deleteAfter, partTable, scheduleText } from './small-schedule.ts';
import { idsOf, weakenStatements } from './tampering.ts';

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
const insert = (sql: Sql, shape: Shape, id: number, closedOn = OLD) =>
  sql`insert into ${sql(shape)} (id, closed_on) values (${id}, ${closedOn})`;

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

async function carriedOut(plan: Plan): Promise<BatchCounts | undefined> {
  const [result] = await governed.carryOut(plan);
  return result?.totals;
}

describe.each(SHAPES)('a %s written since the plan was counted', (shape) => {
  const touch: [string, (sql: Sql) => PromiseLike<unknown>][] = [
    ['touched without a change', (sql) => sql`update ${sql(shape)} set title = title where id = 5`],
    [
      're-dated to a still older day',
      (sql) => sql`update ${sql(shape)} set closed_on = '1999-01-01' where id = 5`,
    ],
    [
      'deleted and written again',
      (sql) => sql`
      with gone as (delete from sheet where folder_id = 5 and ${shape === 'folder'})
      update ${sql(shape)} set closed_on = closed_on + 1 where id = 5`,
    ],
    [
      'written in a subtransaction',
      (sql) =>
        sql.begin(async (tx) => {
          await tx.savepoint((deep) => deep`update ${deep(shape)} set title = 'x' where id = 5`);
        }),
    ],
    [
      'touched, and then frozen',
      async (sql) => {
        await sql`update ${sql(shape)} set title = title where id = 5`;
        await sql.unsafe(`vacuum freeze ${shape}`);
      },
    ],
  ];
  it.each(touch)('%s, stays and is counted as changed', async (_name, change) => {
    const plan = await planned(shape);
    await change(governed.sql);
    expect(await carriedOut(plan)).toMatchObject({ destroyed: 18, changed: 1 });
    expect(await idsOf(governed.sql, shape)).toEqual([5, 20]);
  });

  it('with an old date, stays and is counted as changed', async () => {
    const plan = await planned(shape);
    await insert(governed.sql, shape, 30);
    expect(await carriedOut(plan)).toMatchObject({ destroyed: 19, changed: 1 });
    expect(await idsOf(governed.sql, shape)).toEqual([20, 30]);
  });

  it('by a transaction that was open while the plan was counted, stays', async () => {
    await seed(shape);
    let plan: Plan | undefined;
    await other.begin(async (tx) => {
      await tx`insert into ${tx(shape)} (id, closed_on) values (40, ${OLD})`;
      plan = await governed.plan({ rules: [`${shape}_rule`] });
      await tx`insert into ${tx(shape)} (id, closed_on) values (41, ${OLD})`;
    });
    if (!plan) throw new Error('there is no plan');
    expect(await carriedOut(plan)).toMatchObject({ destroyed: 19, changed: 2 });
    expect(await idsOf(governed.sql, shape)).toEqual([20, 40, 41]);
  });

  it('twin: without the snapshot mark a touched one would go', async () => {
    const plan = await planned(shape);
    await governed.sql`update ${governed.sql(shape)} set title = title where id = 5`;
    const restore = await weakenStatements(
      governed.sql,
      plan,
      1,
      /\(age\([a-z0-9_]+\.xmin\) between -16777216 and \$7\)/,
      '(false and $7 > 0)',
    );
    await carriedOut(plan);
    await restore();
    expect(await idsOf(governed.sql, shape)).toEqual([20]);
  });
});

describe.each(SHAPES)('a %s that nobody wrote', (shape) => {
  it('goes although it was locked, vacuumed, frozen and analysed meanwhile', async () => {
    const plan = await planned(shape);
    await other.begin((tx) => tx`select from ${tx(shape)} where id < 9 for update`);
    await other.begin((tx) => tx`select from ${tx(shape)} where id < 5 for key share`);
    await governed.sql.unsafe(`vacuum (freeze, analyze) ${shape}`);
    expect(await carriedOut(plan)).toMatchObject({ destroyed: 19, changed: 0, gone: 0 });
    expect(await idsOf(governed.sql, shape)).toEqual([20]);
  });

  it('goes although it was frozen before the plan', async () => {
    await planned(shape);
    await governed.sql.unsafe(`vacuum freeze ${shape}`);
    const plan = await governed.plan({ rules: [`${shape}_rule`] });
    expect(await carriedOut(plan)).toMatchObject({ destroyed: 19, changed: 0 });
    expect(await idsOf(governed.sql, shape)).toEqual([20]);
  });
});
