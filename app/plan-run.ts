/** Making a plan: count under one snapshot, freeze, register. Destroys nothing. */
import { randomUUID } from 'node:crypto';
import { RetentionError } from '../domain/errors.ts';
import { compareInstants, type Instant, instant } from '../domain/instant.ts';
import type { Plan, PlanDocument } from '../domain/plan.ts';
import type { RetentionSchedule } from '../domain/schedule.ts';
import { type CanonicalValue, canonicalJson } from '../ledger/canonical.ts';
import { type StoreConnection, storeClock } from '../stores/postgres/connection.ts';
import { guardApp } from '../stores/postgres/guard-app.ts';
import type { ResolvedRule } from '../stores/postgres/match-rule.ts';
import { planInStore } from '../stores/postgres/planner.ts';
import { type ResolvedStore, stepModel } from '../stores/postgres/reality.ts';
import { boundaryText } from './boundaries.ts';
import { compose } from './compose-plan.ts';
import { actorNamed, type Retain, scheduleInForce, storeNamed, withStore } from './context.ts';
import { refuseLostHolds } from './hold-reach.ts';
import { requireMatch } from './match-store.ts';
import { orderSteps } from './step-order.ts';

/** Below this, a second lane costs more than it brings. */
const LANES_FROM_RECORDS = 20_000;
const DEFAULT_LANES = 2;

export interface PlanRequest {
  readonly actor: string;
  readonly store?: string;
  /** RFC 3339; the store's clock when absent. */
  readonly asOf?: string;
  readonly lanes?: number;
  /** Only these rules; all that run when absent. */
  readonly rules?: readonly string[];
  readonly onStep?: (done: number, of: number) => void;
}

/**
 * Plans a run of the schedule in force over one store. Throws `SCHEMA_DRIFT` when the database no
 * longer fits the schedule, `AS_OF_IN_FUTURE`, `RULE_UNKNOWN`.
 */
export async function planRun(retain: Retain, request: PlanRequest): Promise<Plan> {
  const actor = actorNamed(request.actor);
  const inForce = await scheduleInForce(retain);
  const store = storeNamed(inForce.schedule, request.store);
  return withStore(retain, store, 'retain_app', async (connection) => {
    const { resolved } = await requireMatch(connection, inForce.schedule);
    await guardApp(connection).adoptSchedule(inForce.version);
    await refuseLostHolds(retain, connection, inForce.schedule);
    const asOf = await judgedAsOf(connection, request.asOf);
    const rules = rulesToRun(inForce.schedule, resolved, request.rules);
    const boundaryOf = (rule: ResolvedRule) => boundaryText(inForce.schedule, rule, asOf);
    const models = rules.map((rule) => stepModel(resolved, rule, boundaryOf));
    const run = randomUUID();
    const composition = { run, actor, store: store.id, asOf, inForce, rules };
    const { document, digest } = await planInStore(
      connection,
      models,
      {
        run,
        lanes: request.lanes ?? DEFAULT_LANES,
        lanesFrom: LANES_FROM_RECORDS,
        onStep: request.onStep,
      },
      (counted) => ({ document: canonicalText(compose(composition, counted)), requestedBy: actor }),
    );
    await retain.control.addRun({
      runId: run,
      store: store.id,
      scheduleVersion: inForce.version,
      requestedBy: actor,
      digest,
    });
    return { document: JSON.parse(document) as PlanDocument, digest };
  });
}

function canonicalText(document: PlanDocument): string {
  return canonicalJson(document as unknown as CanonicalValue).toString('utf8');
}

/** The instant asked for, or the store's own clock; never one that has not come there. */
async function judgedAsOf(
  connection: StoreConnection,
  asked: string | undefined,
): Promise<Instant> {
  const now = instant(await storeClock(connection));
  const asOf = asked === undefined ? now : instant(asked);
  if (compareInstants(asOf, now) > 0) {
    throw new RetentionError(
      'AS_OF_IN_FUTURE',
      `A plan may not judge by an instant that has not come: the store's clock says ${now}.`,
    );
  }
  return asOf;
}

function rulesToRun(
  schedule: RetentionSchedule,
  resolved: ResolvedStore,
  only: readonly string[] | undefined,
): ResolvedRule[] {
  for (const name of only ?? []) {
    if (!schedule.rules[name])
      throw new RetentionError(
        'RULE_UNKNOWN',
        `There is no rule ${name}. Rules: ${Object.keys(schedule.rules).join(', ')}.`,
      );
  }
  const wanted = [...resolved.rules.values()].filter(
    ({ rule }) => only === undefined || only.includes(rule.id),
  );
  return orderSteps(wanted);
}
