import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BatchCounts } from '../../domain/disposal.ts';
import type { Plan } from '../../domain/plan.ts';
import { connectStore } from '../../stores/postgres/connection.ts';
import { type GuardApp, guardApp } from '../../stores/postgres/guard-app.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { deleteAfterLatest, partTable, scheduleText } from './small-schedule.ts';
import { idsOf, weakenStatements } from './tampering.ts';

// What happens around a record after the plan can only take it out of the planned set, never put it in.
const OLD = '2001-01-01';
let governed: Governed;
let app: GuardApp;
let closeApp: () => Promise<void>;
let plan: Plan;

beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`create table customer (id integer primary key);
        ${partTable('contract', 'customer', 'ended_on date')} create index on contract (ended_on);
        ${partTable('note', 'contract', 'text text')} ${partTable('complaint', 'customer')}`),
    schedule: scheduleText({
      classes: {
        customer: {
          table: 'public.customer',
          references: {
            contract_customer_id_fkey: 'owned',
            note_contract_id_fkey: 'owned',
            complaint_customer_id_fkey: 'blocking',
          },
        },
      },
      rules: { customer_rule: deleteAfterLatest('customer', 'contract.ended_on') },
    }),
  });
  const connection = await connectStore(governed.store, governed.url, 'retain_app');
  app = guardApp(connection);
  closeApp = () => connection.end();
  await app.openMatter('M-1', 'A matter', 'amira');
});
afterAll(async () => {
  await closeApp();
  await governed.end();
});

/** Customers 1 and 2 are due; 3 has a complaint, 4 an open contract, 5 a hold, 6 a contract that ended lately. */
let holdNo: number;
beforeEach(async () => {
  await governed.sql`truncate retain_guard.hold cascade`;
  await governed.sql`truncate customer, contract, note, complaint cascade`;
  await governed.sql`insert into customer select generate_series(1, 6)`;
  await governed.sql`insert into contract select n, n, ${OLD} from generate_series(1, 6) n`;
  await governed.sql`insert into contract values (40, 4, null), (60, 6, '2026-01-01')`;
  await governed.sql`insert into note select n, n, 'text' from generate_series(1, 6) n`;
  await governed.sql`insert into complaint values (1, 3)`;
  ({ holdNo } = await app.placeHold({
    matter: 'M-1',
    reason: 'litigation',
    because: 'a claim',
    placedBy: 'amira',
    reviewOn: '2030-01-01',
    keys: [{ recordClass: 'customer', keyText: '5' }],
    subjects: [],
  }));
  plan = await governed.plan();
  expect(plan.document.steps[0]?.counts).toMatchObject({
    due: 4,
    held: 1,
    blocked: 1,
    destroys: 2,
  });
});

async function carriedOut(): Promise<BatchCounts | undefined> {
  const [result] = await governed.carryOut(plan);
  return result?.totals;
}
const customers = () => idsOf(governed.sql, 'customer');

describe('what would free a record does not put it into a plan that was made before', () => {
  it('a complaint that was deleted', async () => {
    await governed.sql`delete from complaint`;
    expect(await carriedOut()).toMatchObject({ picked: 2, destroyed: 2 });
    expect(await customers()).toEqual([3, 4, 5, 6]);
  });

  it('an open contract that was deleted', async () => {
    await governed.sql`delete from contract where id = 40`;
    expect(await carriedOut()).toMatchObject({ picked: 2, destroyed: 2 });
    expect(await customers()).toEqual([3, 4, 5, 6]);
  });

  it('a late contract that was deleted, or re-dated', async () => {
    await governed.sql`delete from contract where id = 60`;
    await governed.sql`update contract set ended_on = ${OLD} where id = 40`;
    expect(await carriedOut()).toMatchObject({ picked: 2, destroyed: 2 });
    expect(await customers()).toEqual([3, 4, 5, 6]);
  });

  it('a hold that was released', async () => {
    await app.releaseHold(holdNo, 'benedict', 'settled');
    expect(await carriedOut()).toMatchObject({ picked: 2, destroyed: 2 });
    expect(await customers()).toEqual([3, 4, 5, 6]);
  });

  it('the next plan takes them all', async () => {
    await governed.sql`delete from complaint`;
    await governed.sql`delete from contract where id in (40, 60)`;
    await app.releaseHold(holdNo, 'benedict', 'settled');
    plan = await governed.plan();
    await governed.sql`insert into customer values (7)`;
    expect(await carriedOut()).toMatchObject({ destroyed: 6 });
    expect(await customers()).toEqual([7]);
  });
});

describe('what happened to a planned record keeps it', () => {
  it.each([
    ['a new complaint', `insert into complaint values (2, 1)`, { blocked: 1 }],
    ['a new contract', `insert into contract values (10, 1, '${OLD}')`, { changed: 1 }],
    ['a new open contract', `insert into contract values (10, 1, null)`, { changed: 1 }],
    [
      'a contract that was touched',
      `update contract set ended_on = ended_on where id = 1`,
      { changed: 1 },
    ],
    ['a new note two levels down', `insert into note values (10, 1, 'new')`, { changed: 1 }],
    ['a note that was touched', `update note set text = text where id = 1`, { changed: 1 }],
    [
      'a contract that was handed over to it',
      `update contract set customer_id = 1 where id = 6`,
      { changed: 1 },
    ],
    [
      'all its contracts deleted',
      `delete from note where id = 1; delete from contract where id = 1`,
      { changed: 1 },
    ],
  ])('%s', async (_name, change, counts) => {
    await governed.sql.unsafe(change);
    expect(await carriedOut()).toMatchObject({ picked: 2, destroyed: 1, ...counts });
    expect(await customers()).toEqual([1, 3, 4, 5, 6]);
  });

  it('a new hold on one of two planned', async () => {
    await app.placeHold({
      matter: 'M-1',
      reason: 'complaint',
      because: 'late',
      placedBy: 'amira',
      reviewOn: '2030-01-01',
      keys: [{ recordClass: 'customer', keyText: '2' }],
      subjects: [],
    });
    expect(await carriedOut()).toMatchObject({ destroyed: 1, held: 1 });
    expect(await customers()).toEqual([2, 3, 4, 5, 6]);
    expect(await idsOf(governed.sql, 'note')).toEqual([2, 3, 4, 5, 6]);
  });

  it('one that somebody else deleted is counted as gone, and the run is complete', async () => {
    await governed.sql.unsafe(
      'delete from note where id = 1; delete from contract where id = 1; delete from customer where id = 1',
    );
    expect(await carriedOut()).toMatchObject({ destroyed: 1, gone: 1 });
    expect((await governed.close(plan)).outcome).toBe('completed');
  });

  it('twin: a guard that picks by range instead of by the list would take what was freed', async () => {
    await governed.sql`delete from complaint`;
    const restore = await weakenStatements(
      governed.sql,
      plan,
      1,
      'select p.ord, p.key from retain_guard.planned p',
      'select x.ord, array[x.ord::text] as key from (select generate_series(1, 6)::bigint as ord, $4::uuid as run_id, $5::integer as step_no, (select y.xmin from retain_guard.plan y where y.run_id = $4) as xmin) as p(ord, run_id, step_no, xmin) cross join lateral (select p.ord) x(ord)',
    );
    await carriedOut();
    await restore();
    expect(await customers()).toEqual([4, 5, 6]);
  });
});
