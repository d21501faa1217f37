/**
 * Counting what is due and freezing it into a plan: one REPEATABLE READ transaction, one snapshot, one
 * snapshot mark for all steps. Either the plan is registered whole or nothing is.
 */
import { createHash } from 'node:crypto';
import type { TransactionSql } from 'postgres';
import type { StepCounts } from '../../domain/plan.ts';
import type { StoreConnection } from './connection.ts';
import {
  type CountingStatement,
  countStatement,
  partCountStatement,
  planKeysStatement,
  splitStatement,
} from './counting.ts';
import { asStore } from './driver-error.ts';
import { stepStatements } from './statements.ts';
import { changingParts, type StepModel, tablesHoldsPass } from './step-model.ts';

/** What the database said about one step. */
export interface CountedStep {
  readonly counts: StepCounts;
  readonly oldestTrigger: string | null;
  readonly newestTrigger: string | null;
  readonly parts: Readonly<Record<string, number>>;
  readonly tables: readonly string[];
  readonly schemaSha256: string;
  /** Canonical text of the statements; its SHA-256 is what the document names. */
  readonly statements: string;
  readonly statementsSha256: string;
  readonly plannedKeysSha256: string | null;
}

export interface Snapshot {
  readonly t0: string;
  readonly holdVersion: number;
  readonly database: string;
  /** Database clock, RFC 3339 UTC. */
  readonly now: string;
}

export interface PlanningOptions {
  readonly run: string;
  /** Most lanes for one step. */
  readonly lanes: number;
  /** Steps that destroy fewer records than this get one lane. */
  readonly lanesFrom: number;
  /** Rows per aggregate count for `parts` cost a pass each; told after every step. */
  readonly onStep?: ((done: number, of: number) => void) | undefined;
}

/** One registered lane: bounds are cursors as text, null for an open end. */
interface Lane {
  readonly step: number;
  readonly lane: number;
  readonly lower: readonly string[] | null;
  readonly upper: readonly string[] | null;
}

export interface DocumentParts {
  readonly snapshot: Snapshot;
  readonly steps: readonly CountedStep[];
}

/**
 * Counts all steps under one snapshot, asks `compose` for the canonical document, registers it.
 * Steps that would destroy nothing are counted, but `keep` decides which of them enter the plan.
 * Throws what the guard refuses (`AS_OF_IN_FUTURE`, …); nothing is left behind then.
 */
export async function planInStore(
  connection: StoreConnection,
  models: readonly StepModel[],
  options: PlanningOptions,
  compose: (parts: DocumentParts) => { document: string; requestedBy: string },
): Promise<{ document: string; digest: string }> {
  return asStore(connection.store, () =>
    connection.sql.begin('isolation level repeatable read', async (tx) => {
      const snapshot = await takeSnapshot(tx);
      const steps: CountedStep[] = [];
      const lanes: Lane[] = [];
      for (const [index, model] of models.entries()) {
        const step = index + 1;
        const count = counter(tx, options.run, step, snapshot);
        const counted = await countStep(tx, model, count, options.run, step);
        steps.push(counted);
        lanes.push(...(await cutLanes(model, counted.counts.destroys, count, options, step)));
        options.onStep?.(step, models.length);
      }
      const { document, requestedBy } = compose({ snapshot, steps });
      const [registered] = await tx<{ digest: string }[]>`
        select retain_guard.register_plan(${document}, ${requestedBy},
          ${steps.map(({ statements }) => statements)}::text[], ${tx.json(lanes as never)}) as digest`;
      return { document, digest: registered?.digest ?? '' };
    }),
  );
}

async function takeSnapshot(tx: TransactionSql): Promise<Snapshot> {
  // The transaction id is assigned first: age() counts from it.
  await tx`select pg_catalog.pg_current_xact_id()`;
  const [row] = await tx<{ t0: string; version: string; database: string; now: string }[]>`
    select pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text as t0,
           (select version from retain_guard.hold_state) as version,
           pg_catalog.current_database()::text as database,
           to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`;
  return {
    t0: row?.t0 ?? '',
    holdVersion: Number(row?.version ?? 0),
    database: row?.database ?? '',
    now: row?.now ?? '',
  };
}

type Counter = <T>(statement: CountingStatement, limit?: number) => Promise<T[]>;

/** Runs a counting statement with the parameters the guard would bind. */
export function counter(
  tx: TransactionSql,
  run: string,
  step: number,
  snapshot: { t0: string; holdVersion: number },
): Counter {
  return async <T>(statement: CountingStatement, limit = 0) => {
    const [mark] = await tx<
      { young: number }[]
    >`select age(${snapshot.t0}::xid8::xid)::integer as young`;
    const rows = await tx.unsafe(statement.sql, [
      null,
      null,
      limit,
      run,
      step,
      snapshot.holdVersion,
      mark?.young ?? 0,
      statement.values as string[],
    ]);
    return rows as unknown as T[];
  };
}

interface CountedRow extends StepCounts {
  oldest: string | null;
  newest: string | null;
}

async function countStep(
  tx: TransactionSql,
  model: StepModel,
  count: Counter,
  run: string,
  step: number,
): Promise<CountedStep> {
  const [row] = await count<CountedRow>(countStatement(model, 'all'));
  const counts: StepCounts = {
    due: row?.due ?? 0,
    held: row?.held ?? 0,
    blocked: row?.blocked ?? 0,
    changed: row?.changed ?? 0,
    destroys: row?.destroys ?? 0,
  };
  let plannedKeysSha256: string | null = null;
  if (model.source === 'planned' && counts.destroys > 0) {
    await count(planKeysStatement(model));
    const [keys] = await tx<
      { sha256: string }[]
    >`select retain_guard.planned_sha256(${run}, ${step}) as sha256`;
    plannedKeysSha256 = keys?.sha256 ?? null;
  }
  const parts: Record<string, number> = {};
  for (const part of counts.destroys > 0 ? changingParts(model.aggregate) : []) {
    const [rows] = await count<{ rows: number }>(partCountStatement(model, part.path));
    parts[part.table.sql] = (parts[part.table.sql] ?? 0) + (rows?.rows ?? 0);
  }
  const tables = tablesOf(model);
  const [shape] = await tx<
    { sha256: string }[]
  >`select retain_guard.schema_sha256(${tables}::text[]) as sha256`;
  const statements = JSON.stringify(stepStatements(model));
  return {
    counts,
    oldestTrigger: row?.oldest ?? null,
    newestTrigger: row?.newest ?? null,
    parts,
    tables,
    schemaSha256: shape?.sha256 ?? '',
    statements,
    statementsSha256: createHash('sha256').update(statements).digest('hex'),
    plannedKeysSha256,
  };
}

/** Every table whose shape decides what the step does: root first, then parts, what blocks, what holds. */
export function tablesOf(model: StepModel): string[] {
  const { root, owned, detached, blocking } = model.aggregate;
  const parts = [...owned, ...detached, ...blocking].map((part) => part.table);
  return [...new Set([root, ...parts, ...tablesHoldsPass(model)].map((table) => table.sql))];
}

async function cutLanes(
  model: StepModel,
  destroys: number,
  count: Counter,
  options: PlanningOptions,
  step: number,
): Promise<Lane[]> {
  const lanes = destroys >= options.lanesFrom ? options.lanes : 1;
  const bounds: (readonly string[])[] = [];
  for (let lane = 1; lane < lanes; lane += 1) {
    const offset = Math.floor((destroys * lane) / lanes);
    if (model.source === 'planned') {
      bounds.push([String(offset)]);
    } else {
      const [row] = await count<{ bound: string[] }>(splitStatement(model), offset);
      if (row) bounds.push(row.bound);
    }
  }
  return Array.from({ length: bounds.length + 1 }, (_, index) => ({
    step,
    lane: index + 1,
    lower: bounds[index - 1] ?? null,
    upper: bounds[index] ?? null,
  }));
}
