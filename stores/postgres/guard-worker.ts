/** The disposal port over the guard's functions. Each destructive call is one statement. */
import type { Sql } from 'postgres';
import type { BatchCounts, BatchOutcome, LaneId, LaneState } from '../../domain/disposal.ts';
import { NO_COUNTS } from '../../domain/disposal.ts';
import { RetentionError } from '../../domain/errors.ts';
import type { PlanDocument } from '../../domain/plan.ts';
import type {
  BatchResult,
  DisposalGuard,
  SealedBatch,
  StagedBatch,
  StepDescription,
} from '../store.ts';
import { type StoreConnection, storeClock } from './connection.ts';
import { asStore } from './driver-error.ts';

/** Binds a worker connection to the port. The connection's role must be `retain_worker`. */
export function postgresGuard(connection: StoreConnection): DisposalGuard {
  const { sql, store } = connection;
  const guarded =
    <A extends unknown[], T>(work: (...args: A) => Promise<T>) =>
    (...args: A): Promise<T> =>
      asStore(store, () => work(...args));
  return {
    describeStep: guarded((run, step) => describeStep(sql, run, step)),
    claimLane: guarded((lane) => claimLane(sql, lane)),
    laneState: guarded((lane) => laneState(sql, lane)),
    disposeBatch: guarded((lane, fence, limitRecords) =>
      disposeBatch(sql, lane, fence, limitRecords),
    ),
    stagedBatches: guarded((lane) => stagedBatches(sql, lane)),
    lanesToSeal: guarded((waitingSeconds) => lanesToSeal(sql, waitingSeconds)),
    lastHeaderSha256: guarded((lane) => lastHeaderSha256(sql, lane)),
    registerEpoch: guarded(async (keyEpoch, commitment, destroyAfter) => {
      await sql`
        select retain_guard.register_epoch(${keyEpoch}, ${commitment}, ${destroyAfter}::text::date)`;
    }),
    sealBatch: guarded((sealed) => sealBatch(sql, sealed)),
    clock: () => storeClock(connection),
  };
}

async function describeStep(sql: Sql, run: string, step: number): Promise<StepDescription> {
  const [row] = await sql<{ document: string; digest: string }[]>`
    select document, digest from retain_guard.plan where run_id = ${run}`;
  if (!row)
    throw new RetentionError('PLAN_UNKNOWN', 'There is no such plan in this store.', { run });
  const document = JSON.parse(row.document) as PlanDocument;
  const planned = document.steps[step - 1];
  if (!planned)
    throw new RetentionError('PLAN_UNKNOWN', 'The plan has no such step.', { run, step });
  return {
    store: document.store,
    run,
    step,
    planDigest: row.digest,
    recordClass: planned.recordClass,
    rule: planned.rule,
    ruleVersion: document.schedule.version,
    ruleSha256: document.schedule.sha256,
    action: planned.action,
    table: planned.tables[0] ?? '',
    schemaSha256: planned.schemaSha256,
  };
}

interface LaneRow extends CountRow {
  fence: string;
  seq: number;
  finished_at: Date | null;
}

interface CountRow {
  picked: string | number;
  destroyed: string | number;
  held: string | number;
  blocked: string | number;
  changed: string | number;
  gone: string | number;
}

function counts(row: CountRow): BatchCounts {
  return {
    picked: Number(row.picked),
    destroyed: Number(row.destroyed),
    held: Number(row.held),
    blocked: Number(row.blocked),
    changed: Number(row.changed),
    gone: Number(row.gone),
  };
}

function toLane(lane: LaneId, row: LaneRow | undefined): LaneState {
  if (!row)
    throw new RetentionError('PLAN_UNKNOWN', 'There is no such lane in this store.', {
      run: lane.run,
      step: lane.step,
      lane: lane.lane,
    });
  return {
    ...lane,
    fence: BigInt(row.fence),
    seq: row.seq,
    totals: counts(row),
    finished: row.finished_at !== null,
  };
}

async function claimLane(sql: Sql, lane: LaneId): Promise<LaneState> {
  const [row] = await sql<
    LaneRow[]
  >`select * from retain_guard.claim_lane(${lane.run}, ${lane.step}, ${lane.lane})`;
  return toLane(lane, row);
}

async function laneState(sql: Sql, lane: LaneId): Promise<LaneState> {
  const [row] = await sql<LaneRow[]>`
    select * from retain_guard.lane
     where run_id = ${lane.run} and step_no = ${lane.step} and lane_no = ${lane.lane}`;
  return toLane(lane, row);
}

interface BatchRow extends CountRow {
  outcome: BatchOutcome;
  batch_id: string | null;
  seq: number;
  executed_at: string;
  txid: string;
  hold_version: string;
  parts: Record<string, number>;
  keys: Keys | null;
}

/** One column: a flat array. Several: one array per record. */
type Keys = string[] | string[][];

function tuples(keys: Keys): string[][] {
  return keys.map((key) => (typeof key === 'string' ? [key] : key));
}

async function disposeBatch(
  sql: Sql,
  lane: LaneId,
  fence: bigint,
  limitRecords: number,
): Promise<BatchResult> {
  const [row] = await sql<BatchRow[]>`
    select outcome, batch_id, seq, txid, hold_version, picked, destroyed, held, blocked, changed, gone, parts, keys,
           to_char(executed_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as executed_at
      from retain_guard.dispose_batch(${lane.run}, ${lane.step}, ${lane.lane}, ${fence.toString()}, ${limitRecords})`;
  if (!row) throw new RetentionError('INVARIANT_BROKEN', 'The guard gave no answer.');
  if (row.outcome !== 'worked' && row.outcome !== 'finished')
    return { outcome: row.outcome, counts: NO_COUNTS };
  if (row.batch_id === null || row.keys === null)
    return { outcome: row.outcome, counts: counts(row) };
  const staged: StagedBatch = {
    ...lane,
    batch: row.batch_id,
    seq: row.seq,
    executedAt: row.executed_at,
    txid: row.txid,
    holdVersion: Number(row.hold_version),
    parts: row.parts,
    keys: tuples(row.keys),
  };
  return { outcome: row.outcome, counts: counts(row), staged };
}

async function stagedBatches(sql: Sql, lane: LaneId): Promise<StagedBatch[]> {
  const rows = await sql<BatchRow[]>`
    select b.batch_id, b.seq, b.txid::text as txid, b.hold_version, b.parts, s.keys,
           to_char(b.executed_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as executed_at
      from retain_guard.batch_staged s join retain_guard.batch b using (batch_id)
     where s.run_id = ${lane.run} and s.step_no = ${lane.step} and s.lane_no = ${lane.lane}
     order by b.seq`;
  return rows.map((row) => ({
    ...lane,
    batch: row.batch_id ?? '',
    seq: row.seq,
    executedAt: row.executed_at,
    txid: row.txid,
    holdVersion: Number(row.hold_version),
    parts: row.parts,
    keys: tuples(row.keys ?? []),
  }));
}

async function lanesToSeal(sql: Sql, waitingSeconds: number): Promise<LaneId[]> {
  const rows = await sql<{ run_id: string; step_no: number; lane_no: number }[]>`
    select run_id, step_no, lane_no from retain_guard.batch_staged
     group by run_id, step_no, lane_no
    having min(executed_at) <= clock_timestamp() - make_interval(secs => ${waitingSeconds})`;
  return rows.map((row) => ({ run: row.run_id, step: row.step_no, lane: row.lane_no }));
}

async function lastHeaderSha256(sql: Sql, lane: LaneId): Promise<string> {
  const [row] = await sql<{ sha256: string }[]>`
    select encode(s.header_sha256, 'hex') as sha256
      from retain_guard.batch b join retain_guard.batch_sealed s using (batch_id)
     where b.run_id = ${lane.run} and b.step_no = ${lane.step} and b.lane_no = ${lane.lane}
     order by b.seq desc limit 1`;
  return row?.sha256 ?? '0'.repeat(64);
}

async function sealBatch(sql: Sql, sealed: SealedBatch): Promise<boolean> {
  const [row] = await sql<{ sealed: boolean }[]>`
    select retain_guard.seal_batch(${sealed.batch}, ${sealed.keyEpoch}, ${sealed.header}, ${sealed.refs},
                                   ${sealed.sealedBy}, ${sealed.recovered}) as sealed`;
  return row?.sealed ?? false;
}
