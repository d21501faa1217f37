import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { disposeSlice, type SliceHooks } from '../../app/dispose-slice.ts';
import type { SliceResult } from '../../domain/disposal.ts';
import type { Plan } from '../../domain/plan.ts';
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

describe.each(['card', 'folder'])('the lane of a %s', (table) => {
  it('worked twice with one input has one effect', async () => {
    const plan = await opened(table, 500);
    const first = await slice(plan, small(100));
    expect(await slice(plan, small(100))).toEqual(first);
    expect(await books(plan, table)).toMatchObject({ left: 2, logged: 500, refs: 500, staged: 0 });
  });

  it('worked twice at the same time has one effect, and the older fence is refused', async () => {
    const plan = await opened(table, 500);
    const lanes = lane(plan);
    const older = await governed.guard.claimLane(lanes);
    await governed.guard.disposeBatch(lanes, older.fence, 50);
    const newer = await governed.guard.claimLane(lanes);
    expect(await refusalOf(governed.guard.disposeBatch(lanes, older.fence, 50))).toBe('FENCED');
    expect((await governed.guard.disposeBatch(lanes, newer.fence, 50)).counts.destroyed).toBe(50);
    const both = await Promise.allSettled([slice(plan, small(20)), slice(plan, small(30))]);
    for (const one of both) {
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'FENCED' });
    }
    await slice(plan, governed.guard);
    expect(await books(plan, table)).toMatchObject({ left: 2, logged: 500, refs: 500, staged: 0 });
  });

  it('whose answer was lost goes on where it was: nothing twice, nothing skipped', async () => {
    const plan = await opened(table, 500);
    let calls = 0;
    const lossy: DisposalGuard = {
      ...governed.guard,
      disposeBatch: async (id, fence) => {
        const answer = await governed.guard.disposeBatch(id, fence, 60);
        calls += 1;
        if (calls % 2 === 0) throw new Error('the answer was lost');
        return answer;
      },
    };
    for (let attempt = 0; attempt < 9; attempt += 1)
      await slice(plan, lossy).catch(() => undefined);
    const totals = await governed.guard.laneState(lane(plan));
    expect(totals).toMatchObject({ finished: true, totals: { picked: 500, destroyed: 500 } });
    const after = await books(plan, table);
    expect(after).toMatchObject({ left: 2, logged: 500, refs: 500, staged: 0 });
    expect(after?.recovered).toBeGreaterThan(2);
  });

  it('twin: without the fence two workers that do not know of each other both destroy', async () => {
    const plan = await opened(table, 100);
    const { fence } = await governed.guard.claimLane(lane(plan));
    await governed.guard.claimLane(lane(plan));
    const restore = await weaken(
      governed.sql,
      'dispose_batch',
      'and l.fence = p_fence',
      'and p_fence > 0',
    );
    const { counts } = await governed.guard.disposeBatch(lane(plan), fence, 10);
    await restore();
    expect(counts.destroyed).toBe(10);
  });

  it('random sizes and lanes: each record once, in one lane, and every lane has its share', {
    timeout: 120_000,
  }, async () => {
    const cases = fc.tuple(
      fc.integer({ min: 20_000, max: 21_000 }),
      fc.integer({ min: 1, max: 5 }),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ([rows, lanes]) => {
        const plan = await opened(table, rows, lanes);
        const numbers = Array.from({ length: lanes }, (_, index) => index + 1);
        const results = await Promise.all(numbers.map((no) => governed.workLane(plan, 1, no)));
        const share = Math.floor(rows / lanes);
        for (const { totals } of results) {
          expect(Math.abs(totals.destroyed - share)).toBeLessThanOrEqual(1);
          expect(totals).toMatchObject({ picked: totals.destroyed, changed: 0, gone: 0 });
        }
        expect(await books(plan, table)).toMatchObject({ left: 2, logged: rows, refs: rows });
      }),
      { numRuns: 3 },
    );
  });
});
