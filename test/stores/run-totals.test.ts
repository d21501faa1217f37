import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeSealer } from '../../app/seal.ts';
import type { Plan } from '../../domain/plan.ts';
import { mayRetry } from '../../domain/retry.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { waitFor } from '../support/wait.ts';
import { closingTable, deleteAfter, scheduleText } from './small-schedule.ts';
import { idsOf, refusalOf, weaken } from './tampering.ts';
import { newest, told } from './told.ts';

let governed: Governed;
let other: Sql;
let plan: Plan;

beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) => sql.unsafe(closingTable('card')),
    schedule: scheduleText({
      classes: { card: { table: 'public.card' } },
      rules: { card_rule: deleteAfter('card', 'closed_on') },
    }),
  });
  other = postgres(governed.url, { max: 1, onnotice: () => undefined });
});
afterAll(async () => {
  await other.end({ timeout: 5 });
  await governed.end();
});
beforeEach(async () => {
  await governed.sql.unsafe(`truncate card;
    insert into card select n, '2001-01-01' from generate_series(1, 20) n;
    insert into card values (21, '2026-01-01')`);
  plan = await governed.plan();
  await governed.approve(plan);
  await governed.open(plan);
});

const lane = () => ({ run: plan.document.run, step: 1, lane: 1 });

/** One batch of ten, sealed: what a worker does that was believed dead. */
async function straggle(): Promise<void> {
  const { guard } = governed;
  const { epochKeys, ledgerKeys } = governed.retain;
  const sealer = await makeSealer({ guard, epochKeys, ledgerKeys, worker: 'late' }, lane());
  const { fence } = await guard.claimLane(lane());
  const { staged } = await guard.disposeBatch(lane(), fence, 10);
  await sealer.seal(staged);
}

/** Closes the run; when its report is counted and before the guard is asked, the straggler commits. */
async function closedBesideAStraggler(): Promise<string> {
  let closing: Promise<string> | undefined;
  await other.begin(async (tx) => {
    await tx`select from retain_guard.run where run_id = ${plan.document.run} for share`;
    closing = refusalOf(governed.close(plan));
    await waitFor(
      async () => (await governed.sql`select from pg_locks where not granted`).length === 1,
      { what: 'the closing to wait', everyMs: 5 },
    );
    await straggle();
  });
  return closing ?? '';
}

async function said() {
  const [row] = await governed.sql<{ report: number | null; records: number | null }[]>`
    select (r.report #>> '{steps,0,destroyed}')::integer as report, (e.body ->> 'records')::integer as records
      from retain_guard.run r
      left join retain_guard.event e on e.kind = 'run.close' and e.body ->> 'run' = r.run_id::text
     where r.run_id = ${plan.document.run}`;
  return row;
}

describe('a batch that is committed while its run is being counted for closing', () => {
  it('RUN_STILL_MOVING: the run stays open, nothing is told, and the next count is right', async () => {
    const before = await newest(governed.sql);
    expect(await closedBesideAStraggler()).toBe('RUN_STILL_MOVING');
    expect(mayRetry('RUN_STILL_MOVING')).toBe(true);
    expect(await said()).toEqual({ report: null, records: null });
    const kinds = (await told(governed.sql, before)).map(({ kind }) => kind);
    expect(kinds).not.toContain('run.close');
    expect((await governed.close(plan)).outcome).toBe('incomplete');
    expect(await said()).toEqual({ report: 10, records: 10 });
    expect(await idsOf(governed.sql, 'card')).toHaveLength(11);
  });

  it('twin: a guard that does not compare keeps a report that is lower than the log', async () => {
    const restore = await weaken(
      governed.sql,
      'close_run',
      'if destroyed is distinct from p_destroyed then',
      'if false then',
    );
    expect(await closedBesideAStraggler()).toBe('none');
    await restore();
    expect(await said()).toEqual({ report: 0, records: 10 });
  });
});

describe('a run whose rows were changed by hand', () => {
  beforeEach(() => governed.workLane(plan, 1, 1));
  const closing = () => refusalOf(governed.close(plan));

  it('lanes that say more than the batches: BATCH_MISMATCH', async () => {
    const { run } = plan.document;
    await governed.sql`update retain_guard.lane set destroyed = destroyed + 1 where run_id = ${run}`;
    expect(await closing()).toBe('BATCH_MISMATCH');
    await governed.sql`update retain_guard.lane set destroyed = destroyed - 1 where run_id = ${run}`;
    expect(await closing()).toBe('none');
  });

  it('a batch without its seal: BATCH_MISMATCH', async () => {
    await governed.sql`
      delete from retain_guard.batch_sealed using retain_guard.batch b
       where b.batch_id = batch_sealed.batch_id and b.run_id = ${plan.document.run}`;
    expect(await closing()).toBe('BATCH_MISMATCH');
    expect(await said()).toEqual({ report: null, records: null });
  });
});
