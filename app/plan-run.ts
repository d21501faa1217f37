/** Making a plan: count under one snapshot, freeze, register. Destroys nothing. */
import { randomUUID } from 'node:crypto';
import { RetentionError } from '../domain/errors.ts';
import { compareInstants, instant, type Instant, instantFromMicros, instantMicros } from '../domain/instant.ts';
import { periodInWords } from '../domain/period.ts';
import type { Plan, PlanDocument, PlanStep } from '../domain/plan.ts';
import { type RetentionSchedule, STAGE, type TimedRule } from '../domain/schedule.ts';
import { canonicalJson, type CanonicalValue } from '../ledger/canonical.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import { type CountedStep, planInStore, type Snapshot } from '../stores/postgres/planner.ts';
import { type ResolvedRule, type ResolvedStore, stepModel } from '../stores/postgres/reality.ts';
import { boundaryText, datesOf, triggerMoment } from './boundaries.ts';
import { actorNamed, type Retain, type ScheduleInForce, scheduleInForce, storeNamed, withStore } from './context.ts';
import { requireMatch } from './match-store.ts';

/** A plan nobody acted on for this long is too old to trust. */
const PLAN_GOOD_FOR_MICROS = 7n * 24n * 3600n * 1_000_000n;
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
    const [clock] = await asStore(store.id, () => connection.sql<{ now: string }[]>`
      select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`);
    const now = instant(clock?.now ?? '');
    const asOf = request.asOf === undefined ? now : instant(request.asOf);
    if (compareInstants(asOf, now) > 0) {
      throw new RetentionError('AS_OF_IN_FUTURE', `A plan may not judge by an instant that has not come: the store's clock says ${now}.`);
    }
    const rules = rulesToRun(inForce.schedule, resolved, request.rules);
    const models = rules.map((rule) => stepModel(resolved, rule, (any) => boundaryText(inForce.schedule, any, asOf)));
    const run = randomUUID();
    const { document, digest } = await planInStore(
      connection,
      models,
      { run, lanes: request.lanes ?? DEFAULT_LANES, lanesFrom: LANES_FROM_RECORDS, ...(request.onStep ? { onStep: request.onStep } : {}) },
      ({ snapshot, steps }) => {
        const composed = compose({ run, actor, store: store.id, asOf, inForce, rules, resolved, snapshot, steps });
        return { document: canonicalJson(composed as unknown as CanonicalValue).toString('utf8'), requestedBy: actor };
      },
    );
    await retain.control.addRun({ runId: run, store: store.id, scheduleVersion: inForce.version, requestedBy: actor, digest });
    return { document: JSON.parse(document) as PlanDocument, digest };
  });
}

/** Later stages first: a record due for deletion is not reduced before. Otherwise the order of the file. */
function rulesToRun(schedule: RetentionSchedule, resolved: ResolvedStore, only: readonly string[] | undefined): ResolvedRule[] {
  for (const name of only ?? []) {
    if (!schedule.rules[name]) throw new RetentionError('RULE_UNKNOWN', `There is no rule ${name}. Rules: ${Object.keys(schedule.rules).join(', ')}.`);
  }
  return [...resolved.rules.values()]
    .filter(({ rule }) => only === undefined || only.includes(rule.id))
    .sort((a, b) => STAGE[b.rule.then.kind] - STAGE[a.rule.then.kind]);
}

interface Composition {
  readonly run: string;
  readonly actor: string;
  readonly store: string;
  readonly asOf: Instant;
  readonly inForce: ScheduleInForce;
  readonly rules: readonly ResolvedRule[];
  readonly resolved: ResolvedStore;
  readonly snapshot: Snapshot;
  readonly steps: readonly CountedStep[];
}

function compose(parts: Composition): PlanDocument {
  const { schedule, version, sha256 } = parts.inForce;
  const plannedAt = instant(parts.snapshot.now);
  return {
    format: 'retain-plan/1',
    run: parts.run,
    organisation: schedule.organisation,
    store: parts.store,
    database: parts.snapshot.database,
    schedule: { version, sha256 },
    timezone: schedule.timezone,
    zoneDatabase: process.versions['tz'] ?? 'unknown',
    asOf: parts.asOf,
    plannedAt,
    expiresAt: instantFromMicros(instantMicros(plannedAt) + PLAN_GOOD_FOR_MICROS),
    requestedBy: parts.actor,
    t0: parts.snapshot.t0,
    holdVersion: parts.snapshot.holdVersion,
    steps: parts.rules.map((rule, index) => composeStep(parts, rule, parts.steps[index])),
    notRun: Object.values(schedule.rules).flatMap((rule) =>
      rule.kind === 'timed' || schedule.recordClasses[rule.appliesTo]?.store !== parts.store
        ? []
        : [{ rule: rule.id, recordClass: rule.appliesTo, why: rule.kind === 'undecided' ? `undecided: ${rule.because}` : `kept indefinitely: ${rule.because}` }],
    ),
  };
}

function composeStep(parts: Composition, { rule, aggregate }: ResolvedRule, counted: CountedStep | undefined): PlanStep {
  if (!counted) throw new RetentionError('INVARIANT_BROKEN', 'A step was not counted.', { rule: rule.id });
  const { schedule } = parts.inForce;
  const oldest = counted.oldestTrigger === null ? undefined : datesOf(schedule, rule, triggerMoment(counted.oldestTrigger), parts.asOf);
  const resolved = parts.resolved.rules.get(rule.id);
  return {
    recordClass: aggregate.recordClass.id,
    title: aggregate.recordClass.title,
    rule: rule.id,
    ruleText: ruleInWords(rule),
    authority: rule.authority,
    action: rule.then.kind,
    tables: counted.tables,
    boundary: resolved ? boundaryText(schedule, resolved, parts.asOf) : '',
    counts: counted.counts,
    oldestTrigger: counted.oldestTrigger,
    newestTrigger: counted.newestTrigger,
    oldestDestroyableFrom: oldest?.destroyableFrom ?? null,
    overdueDays: oldest?.overdueDays ?? null,
    parts: counted.parts,
    schemaSha256: counted.schemaSha256,
    statementsSha256: counted.statementsSha256,
    plannedKeysSha256: counted.plannedKeysSha256,
  };
}

/** `6 years after contract closed`, `at once after unsubscribed`. */
export function ruleInWords(rule: TimedRule): string {
  const period = rule.keep.atLeast.iso === 'P0D' ? 'at once' : periodInWords(rule.keep.atLeast);
  const from = rule.cutoff === undefined ? '' : ` the end of the ${rule.cutoff.replaceAll('_', ' ')} of`;
  return `${period} after${from} ${rule.trigger.event}`;
}
