import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { disposeSlice, type SliceHooks } from '../../app/dispose-slice.ts';
import type { SliceResult } from '../../domain/disposal.ts';
import type { Plan } from '../../domain/plan.ts';
import { connectStore } from '../../stores/postgres/connection.ts';
import { guardApp } from '../../stores/postgres/guard-app.ts';
import type { DisposalGuard } from '../../stores/store.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { closingTable, deleteAfter, partTable, scheduleText } from './small-schedule.ts';
import { refusalOf, weaken } from './tampering.ts';

let governed: Governed;
beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(
        `${closingTable('card')} ${closingTable('folder')} ${partTable('complaint', 'folder')}`,
      ),
    schedule: scheduleText({
      classes: {
        card: { table: 'public.card' },
        folder: { table: 'public.folder', references: { complaint_folder_id_fkey: 'blocking' } },
      },
      rules: {
        card_rule: deleteAfter('card', 'closed_on'),
        folder_rule: deleteAfter('folder', 'closed_on'),
      },
    }),
  });
});
afterAll(() => governed.end());

const lane = (plan: Plan, no = 1) => ({ run: plan.document.run, step: 1, lane: no });

async function opened(table: string, rows: number, lanes = 1): Promise<Plan> {
  await governed.sql.unsafe(
    `delete from ${table};
     insert into ${table} select n, date '2001-01-01' + n % 7 from generate_series(1, ${rows}) n;
     insert into ${table} values (1000001, '2026-01-01'), (1000002, null)`,
  );
  const plan = await governed.plan({ rules: [`${table}_rule`], lanes });
  await governed.approve(plan);
  await governed.open(plan);
  return plan;
}

/** Rows left in the table, and what the log says of the run, counted by the batches themselves. */
async function books(plan: Plan, table: string) {
  const [row] = await governed.sql.unsafe<
    { left: number; logged: number; refs: number; staged: number; recovered: number }[]
  >(
    `select (select count(*) from ${table})::integer as left, coalesce(sum(b.destroyed), 0)::integer as logged,
            coalesce(sum(octet_length(s.refs)) / 32, 0)::integer as refs, count(g.batch_id)::integer as staged,
            count(*) filter (where s.recovered)::integer as recovered
       from retain_guard.batch b left join retain_guard.batch_sealed s using (batch_id)
       left join retain_guard.batch_staged g using (batch_id) where b.run_id = '${plan.document.run}'`,
  );
  return row;
}

function slice(
  plan: Plan,
  guard: DisposalGuard,
  hooks: Partial<SliceHooks> = {},
  records = 1e9,
): Promise<SliceResult> {
  return disposeSlice(
    {
      ...{ guard, epochKeys: governed.retain.epochKeys, ledgerKeys: governed.retain.ledgerKeys },
      ...{ worker: 'slicer', now: Date.now },
    },
    { ...lane(plan), sliceRecords: records, sliceMs: 1e9 },
    { onBatch: () => undefined, cancelled: () => false, ...hooks },
  );
}
const small = (limit: number): DisposalGuard => ({
  ...governed.guard,
  disposeBatch: (id, fence) => governed.guard.disposeBatch(id, fence, limit),
});

describe('what an operator says', () => {
  let plan: Plan;
  beforeEach(async () => {
    plan = await opened('card', 100);
  });
  const control = async (word: 'run' | 'pause' | 'stop') => {
    const app = await connectStore(governed.store, governed.url, 'retain_app');
    const refusal = await refusalOf(
      guardApp(app).controlRun(plan.document.run, word, 'amira', 'a reason'),
    );
    await app.end();
    return refusal;
  };

  it('pause: the very next batch destroys nothing, until somebody resumes', async () => {
    const { fence } = await governed.guard.claimLane(lane(plan));
    const batch = () => governed.guard.disposeBatch(lane(plan), fence, 10);
    expect((await batch()).counts.destroyed).toBe(10);
    await control('pause');
    expect(await batch()).toMatchObject({ outcome: 'paused', counts: { destroyed: 0 } });
    expect((await slice(plan, governed.guard)).outcome).toBe('paused');
    expect(await books(plan, 'card')).toMatchObject({ left: 92, logged: 10, staged: 0 });
    await control('run');
    expect((await slice(plan, governed.guard)).outcome).toBe('finished');
    expect(await books(plan, 'card')).toMatchObject({ left: 2, logged: 100 });
  });

  it('stop: final', async () => {
    await control('stop');
    expect((await slice(plan, governed.guard)).outcome).toBe('stopped');
    expect(await control('run')).toBe('RUN_NOT_OPEN');
    expect(await books(plan, 'card')).toMatchObject({ left: 102, logged: 0 });
  });

  it('twin: a guard that does not read the control destroys on', async () => {
    await control('stop');
    const restore = await weaken(
      governed.sql,
      'dispose_batch',
      "if the_control <> 'run' then",
      'if false then',
    );
    await slice(plan, governed.guard);
    await restore();
    expect(await books(plan, 'card')).toMatchObject({ left: 2, logged: 100 });
  });
});

describe('no destruction without proof', () => {
  it('a lane with too many unsealed batches stops, and another worker seals them as recovered', async () => {
    const plan = await opened('card', 100);
    const { fence } = await governed.guard.claimLane(lane(plan));
    const batch = () => governed.guard.disposeBatch(lane(plan), fence, 10);
    for (let number = 1; number <= 4; number += 1) expect((await batch()).outcome).toBe('worked');
    expect(await batch()).toMatchObject({ outcome: 'unsealed', counts: { destroyed: 0 } });
    expect(await books(plan, 'card')).toMatchObject({ left: 62, logged: 40, staged: 4 });
    expect(await refusalOf(governed.close(plan))).toBe('UNSEALED_BACKLOG');
    expect((await slice(plan, governed.guard)).outcome).toBe('finished');
    expect(await books(plan, 'card')).toMatchObject({
      left: 2,
      refs: 100,
      recovered: 4,
      staged: 0,
    });
  });

  it('an old unsealed batch stops its lane, alone', async () => {
    const plan = await opened('card', 100);
    const { fence } = await governed.guard.claimLane(lane(plan));
    await governed.guard.disposeBatch(lane(plan), fence, 10);
    await governed.sql`update retain_guard.batch_staged set executed_at = executed_at - interval '61 seconds'`;
    expect(await governed.guard.disposeBatch(lane(plan), fence, 10)).toMatchObject({
      outcome: 'unsealed',
    });
    expect(await books(plan, 'card')).toMatchObject({ left: 92, logged: 10 });
  });

  it('the headers of a lane are a chain without a gap, and say who recovered', async () => {
    const plan = await opened('card', 60);
    const { fence } = await governed.guard.claimLane(lane(plan));
    await governed.guard.disposeBatch(lane(plan), fence, 10);
    await governed.guard.disposeBatch(lane(plan), fence, 10);
    await slice(plan, small(20));
    const rows = await governed.sql<
      { seq: number; header: { prev: string; seq: number; recovered: boolean }; sha256: string }[]
    >`
      select b.seq, convert_from(substring(s.header from 67), 'UTF8')::jsonb as header, encode(sha256(s.header), 'hex') as sha256
        from retain_guard.batch b join retain_guard.batch_sealed s using (batch_id)
       where b.run_id = ${plan.document.run} order by b.seq`;
    expect(rows.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect(rows.map(({ header }) => header.recovered)).toEqual([true, true, false, false]);
    expect(rows.map(({ header }) => header.prev)).toEqual([
      '0'.repeat(64),
      ...rows.slice(0, -1).map(({ sha256 }) => sha256),
    ]);
  });
});
