/**
 * The proof of P5: everything due is gone, or is listed with the reason. Counted afresh after the run,
 * with the boundary, the snapshot mark and the hold version of the plan.
 */
import { RetentionError } from '../domain/errors.ts';
import { instant } from '../domain/instant.ts';
import type { PlanDocument, StepCounts } from '../domain/plan.ts';
import type { StoreConnection } from '../stores/postgres/connection.ts';
import { countStatement } from '../stores/postgres/counting.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import { counter } from '../stores/postgres/planner.ts';
import { stepModel } from '../stores/postgres/reality.ts';
import { boundaryText } from './boundaries.ts';
import type { Retain } from './context.ts';
import { matchLiveStore } from './match-store.ts';
import { scheduleOf } from './schedule-versions.ts';

/** One step after its run. `due` = destroyed + held + blocked + changed + freed + left + gone − arrived. */
export interface StepCompleteness {
  readonly step: number;
  readonly rule: string;
  readonly recordClass: string;
  /** Of the plan. */
  readonly due: number;
  readonly destroyed: number;
  readonly held: number;
  readonly blocked: number;
  readonly changed: number;
  /** Due and free now, but not when the plan was made (a blocker went away): for the next plan. */
  readonly freed: number;
  /** Planned, free and still there: must be 0 when the run completed. */
  readonly left: number;
  /** Destroyed, re-keyed or re-dated by somebody else since the plan. */
  readonly gone: number;
  /** Due now, but written after the plan: among `changed`, not among `due`. */
  readonly arrived: number;
  /** False while a lane of the step has work left. */
  readonly finished: boolean;
}

export interface CompletenessReport {
  /** False when the tables changed so that nothing could be counted; the lanes' own totals stand then. */
  readonly counted: boolean;
  readonly steps: readonly StepCompleteness[];
}

interface LaneTotals {
  destroyed: number;
  held: number;
  blocked: number;
  changed: number;
  gone: number;
  finished: boolean;
}

export async function completeness(
  retain: Retain,
  connection: StoreConnection,
  document: PlanDocument,
): Promise<CompletenessReport> {
  const totals = await laneTotals(connection, document.run);
  const fresh = await freshCounts(retain, connection, document);
  const steps = document.steps.map((step, index) => {
    const lanes = totals.get(index + 1) ?? {
      destroyed: 0,
      held: 0,
      blocked: 0,
      changed: 0,
      gone: 0,
      finished: false,
    };
    const now = fresh?.[index];
    const base = {
      step: index + 1,
      rule: step.rule,
      recordClass: step.recordClass,
      due: step.counts.due,
      destroyed: lanes.destroyed,
      finished: lanes.finished,
    };
    if (!now) {
      const seen = lanes.destroyed + lanes.held + lanes.blocked + lanes.changed + lanes.gone;
      return {
        ...base,
        held: lanes.held,
        blocked: lanes.blocked,
        changed: lanes.changed,
        gone: lanes.gone,
        freed: 0,
        arrived: 0,
        left: Math.max(0, step.counts.due - seen),
      };
    }
    const { held, blocked, changed } = now.all;
    const left = now.left;
    const freed = now.all.destroys - left;
    const rest = step.counts.due - lanes.destroyed - held - blocked - changed - freed - left;
    return {
      ...base,
      held,
      blocked,
      changed,
      freed,
      left,
      gone: Math.max(0, rest),
      arrived: Math.max(0, -rest),
    };
  });
  return { counted: fresh !== undefined, steps };
}

async function laneTotals(
  connection: StoreConnection,
  run: string,
): Promise<Map<number, LaneTotals>> {
  const rows = await asStore(
    connection.store,
    () => connection.sql<(LaneTotals & { step_no: number })[]>`
    select step_no, sum(destroyed)::integer as destroyed, sum(held)::integer as held, sum(blocked)::integer as blocked,
           sum(changed)::integer as changed, sum(gone)::integer as gone, bool_and(finished_at is not null) as finished
      from retain_guard.lane where run_id = ${run} group by step_no`,
  );
  return new Map(rows.map((row) => [row.step_no, row]));
}

async function freshCounts(
  retain: Retain,
  connection: StoreConnection,
  document: PlanDocument,
): Promise<{ all: StepCounts; left: number }[] | undefined> {
  const { schedule } = await scheduleOf(retain, document.schedule.version);
  const { resolved, findings } = await matchLiveStore(connection, schedule);
  if (findings.some((finding) => finding.severity === 'error')) return undefined;
  const asOf = instant(document.asOf);
  return asStore(connection.store, () =>
    connection.sql.begin(async (tx) => {
      await tx`select pg_catalog.pg_current_xact_id()`;
      const counts: { all: StepCounts; left: number }[] = [];
      for (const [index, step] of document.steps.entries()) {
        const rule = resolved.rules.get(step.rule);
        if (!rule)
          throw new RetentionError(
            'INVARIANT_BROKEN',
            'A rule of the plan is not in its schedule.',
            { rule: step.rule },
          );
        const model = stepModel(resolved, rule, (any) => boundaryText(schedule, any, asOf));
        const count = counter(tx, document.run, index + 1, document);
        const [all] = await count<StepCounts>(countStatement(model, 'all'));
        const [planned] =
          model.source === 'planned'
            ? await count<StepCounts>(countStatement(model, 'planned'))
            : [all];
        if (!all || !planned)
          throw new RetentionError('INVARIANT_BROKEN', 'A count gave no answer.');
        counts.push({ all, left: planned.destroys });
      }
      return counts;
    }),
  );
}
