/** Where a run stands, read from the rows that the guard of its store keeps. */
import type { BatchCounts, RunStatus } from '../domain/disposal.ts';
import type { StoreConnection } from '../stores/postgres/connection.ts';
import { asStore } from '../stores/postgres/driver-error.ts';

/** The rows of one run. Instants are RFC 3339 UTC with microseconds; null: has not happened. */
export interface RunState {
  readonly run: string;
  readonly status: RunStatus;
  readonly requestedBy: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly decision: 'approve' | 'reject' | null;
  readonly decidedBy: string | null;
  readonly decidedAt: string | null;
  readonly openedBy: string | null;
  readonly openedAt: string | null;
  readonly controlBy: string | null;
  readonly controlReason: string | null;
  readonly controlAt: string | null;
  readonly closedAt: string | null;
  /** The completeness report, as it was written when the run closed. */
  readonly report: unknown;
}

interface StateRow extends Omit<RunState, 'status'> {
  readonly expired: boolean;
  readonly control: 'run' | 'pause' | 'stop' | null;
  readonly outcome: 'completed' | 'incomplete' | 'stopped' | null;
}

/** States of those of the runs that this store knows. */
export async function runStates(
  { sql, store }: StoreConnection,
  runs: readonly string[],
): Promise<Map<string, RunState>> {
  const utc = (name: string, alias: string) =>
    sql.unsafe(
      `to_char(${name} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "${alias}"`,
    );
  const rows = await asStore(
    store,
    () => sql<StateRow[]>`
    select p.run_id as run, p.requested_by as "requestedBy", ${utc('p.created_at', 'createdAt')},
           ${utc('p.expires_at', 'expiresAt')}, p.expires_at <= clock_timestamp() as expired,
           d.decision, d.decided_by as "decidedBy", ${utc('d.decided_at', 'decidedAt')},
           r.opened_by as "openedBy", ${utc('r.opened_at', 'openedAt')},
           r.control, r.control_by as "controlBy", r.control_reason as "controlReason",
           ${utc('r.control_at', 'controlAt')}, ${utc('r.closed_at', 'closedAt')}, r.outcome, r.report
      from retain_guard.plan p
      left join retain_guard.decision d using (run_id)
      left join retain_guard.run r using (run_id)
     where p.run_id = any (${runs as string[]}::uuid[])`,
  );
  return new Map(
    rows.map(({ expired, control, outcome, ...row }) => [
      row.run,
      { ...row, status: statusOf({ expired, control, outcome, decision: row.decision }) },
    ]),
  );
}

/** The one word for where a run stands. A plan that was approved and not opened in time is expired. */
export function statusOf(
  row: Pick<StateRow, 'expired' | 'control' | 'outcome' | 'decision'>,
): RunStatus {
  if (row.outcome !== null) return row.outcome;
  if (row.decision === 'reject') return 'rejected';
  if (row.control === 'pause') return 'paused';
  if (row.control === 'stop') return 'stopped';
  if (row.control === 'run') return 'running';
  if (row.expired) return 'expired';
  return row.decision === 'approve' ? 'approved' : 'awaiting-approval';
}

/** What the lanes of one step got done. */
export interface StepTotals extends BatchCounts {
  readonly step: number;
  readonly lanes: number;
  readonly finished: boolean;
}

/** Totals of every step of a run, by number. */
export async function laneTotals(
  { sql, store }: StoreConnection,
  run: string,
): Promise<Map<number, StepTotals>> {
  const rows = await asStore(
    store,
    () => sql<StepTotals[]>`
    select step_no as step, count(*)::integer as lanes, bool_and(finished_at is not null) as finished,
           sum(picked)::float8 as picked, sum(destroyed)::float8 as destroyed, sum(held)::float8 as held,
           sum(blocked)::float8 as blocked, sum(changed)::float8 as changed, sum(gone)::float8 as gone
      from retain_guard.lane where run_id = ${run} group by step_no`,
  );
  return new Map(rows.map((row) => [row.step, row]));
}
