/** Deciding on, opening, steering and closing runs. Each may be called again with the same input. */
import type {
  ClosedRun,
  OpenedRun,
  OpenRunInput,
  RecordDecisionInput,
  RunRef,
  SetControlInput,
} from '../activities/contract.ts';
import { RetentionError } from '../domain/errors.ts';
import type { PlanDocument } from '../domain/plan.ts';
import type { StoreConnection } from '../stores/postgres/connection.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import { guardApp } from '../stores/postgres/guard-app.ts';
import { completeness } from './completeness.ts';
import { actorNamed, type Retain, scheduleInForce } from './context.ts';
import { requireMatch } from './match-store.ts';
import { scheduleOf } from './schedule-versions.ts';
import type { StorePool } from './store-pool.ts';

export interface Orchestration {
  recordDecision(input: RecordDecisionInput): Promise<{ readonly decidedAt: string }>;
  openRun(input: OpenRunInput): Promise<OpenedRun>;
  setControl(input: SetControlInput): Promise<void>;
  closeRun(input: RunRef & { readonly stopped: boolean }): Promise<ClosedRun>;
}

export function orchestration(retain: Retain, pool: StorePool): Orchestration {
  const app = (store: string) => pool.connection(store, 'retain_app');
  return {
    recordDecision: async (input) => recordDecision(await app(input.store), input),
    openRun: async (input) => openRun(retain, await app(input.store), input),
    setControl: async ({ run, store, control, actor, reason }) =>
      guardApp(await app(store)).controlRun(run, control, actorNamed(actor), reason),
    closeRun: async (input) => closeRun(retain, await app(input.store), input),
  };
}

/** A decision whose answer was lost is asked for again: the same person saying the same is not a second decision. */
async function recordDecision(
  connection: StoreConnection,
  input: RecordDecisionInput,
): Promise<{ decidedAt: string }> {
  const actor = actorNamed(input.actor);
  try {
    return {
      decidedAt: await guardApp(connection).decide(input.run, input.digest, input.decision, actor),
    };
  } catch (error) {
    if (!(error instanceof RetentionError) || error.code !== 'APPROVAL_TWICE') throw error;
    const [before] = await asStore(
      connection.store,
      () => connection.sql<{ at: string }[]>`
      select to_char(decided_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at from retain_guard.decision
       where run_id = ${input.run} and digest = ${input.digest} and decision = ${input.decision} and decided_by = ${actor}`,
    );
    if (!before) throw error;
    return { decidedAt: before.at };
  }
}

/** The plan as the guard of its store keeps it. */
export async function planDocument(
  connection: StoreConnection,
  run: string,
): Promise<PlanDocument> {
  const [row] = await asStore(
    connection.store,
    () => connection.sql<{ document: string }[]>`
    select document from retain_guard.plan where run_id = ${run}`,
  );
  if (!row)
    throw new RetentionError('PLAN_UNKNOWN', 'There is no such plan in this store.', { run });
  return JSON.parse(row.document) as PlanDocument;
}

/** Opens the run unless the tables are no longer those of the plan; a later change is caught by every batch. */
async function openRun(
  retain: Retain,
  connection: StoreConnection,
  input: OpenRunInput,
): Promise<OpenedRun> {
  const document = await planDocument(connection, input.run);
  // A plan of an older version is refused by the guard, here and before every batch.
  const inForce = await scheduleInForce(retain);
  await guardApp(connection).adoptSchedule(inForce.version);
  await requireMatch(connection, (await scheduleOf(retain, document.schedule.version)).schedule);
  for (const step of document.steps) {
    const [shape] = await asStore(
      connection.store,
      () => connection.sql<{ sha256: string }[]>`
      select retain_guard.schema_sha256(${step.tables as string[]}::text[]) as sha256`,
    );
    if (shape?.sha256 !== step.schemaSha256) {
      throw new RetentionError(
        'SCHEMA_DRIFT',
        `The tables of rule ${step.rule} have changed since the plan. Make a new plan.`,
        { rule: step.rule },
      );
    }
  }
  await guardApp(connection).openRun(input.run, actorNamed(input.actor));
  const lanes = await asStore(
    connection.store,
    () => connection.sql<{ step_no: number; lanes: number }[]>`
    select step_no, count(*)::integer as lanes from retain_guard.lane where run_id = ${input.run} group by step_no`,
  );
  const lanesOf = new Map(lanes.map((row) => [row.step_no, row.lanes]));
  return {
    steps: document.steps.map((step, index) => ({
      step: index + 1,
      lanes: lanesOf.get(index + 1) ?? 1,
      title: step.title,
    })),
  };
}

/**
 * Counts what is left and why, writes that down, closes. Throws `RUN_STILL_MOVING` when a batch was committed
 * meanwhile: the report would say less than the log.
 */
async function closeRun(
  retain: Retain,
  connection: StoreConnection,
  input: RunRef & { readonly stopped: boolean },
): Promise<ClosedRun> {
  const document = await planDocument(connection, input.run);
  const report = await completeness(retain, connection, document);
  const complete = report.counted && report.steps.every((step) => step.finished && step.left === 0);
  const outcome = input.stopped ? 'stopped' : complete ? 'completed' : 'incomplete';
  const destroyed = report.steps.reduce((sum, step) => sum + step.destroyed, 0);
  await guardApp(connection).closeRun(input.run, outcome, report, destroyed);
  return {
    outcome,
    destroyed,
    withheld: report.steps.reduce((sum, step) => sum + step.held + step.blocked + step.changed, 0),
  };
}
