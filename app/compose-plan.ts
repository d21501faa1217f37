/** Composing the plan document from decisions and counts. Pure. */
import { invariant } from '../domain/errors.ts';
import { type Instant, instant, instantFromMicros, instantMicros } from '../domain/instant.ts';
import { periodInWords } from '../domain/period.ts';
import type { PlanDocument, PlanStep } from '../domain/plan.ts';
import type { RetentionSchedule, TimedRule } from '../domain/schedule.ts';
import type { ResolvedRule } from '../stores/postgres/match-rule.ts';
import type { CountedStep, DocumentParts } from '../stores/postgres/planner.ts';
import { boundaryText, datesOf, triggerMoment } from './boundaries.ts';
import type { ScheduleInForce } from './context.ts';

/** A plan nobody acted on for this long is too old to trust. */
const PLAN_GOOD_FOR_MICROS = 7n * 24n * 3600n * 1_000_000n;

/** What is decided before anything is counted. */
export interface Composition {
  readonly run: string;
  readonly actor: string;
  readonly store: string;
  readonly asOf: Instant;
  readonly inForce: ScheduleInForce;
  readonly rules: readonly ResolvedRule[];
}

/** The document that people approve: what was decided, and what the store counted. */
export function compose(parts: Composition, counted: DocumentParts): PlanDocument {
  const { schedule, version, sha256 } = parts.inForce;
  const plannedAt = instant(counted.snapshot.now);
  return {
    format: 'retain-plan/1',
    run: parts.run,
    organisation: schedule.organisation,
    store: parts.store,
    database: counted.snapshot.database,
    schedule: { version, sha256 },
    timezone: schedule.timezone,
    zoneDatabase: process.versions['tz'] ?? 'unknown',
    asOf: parts.asOf,
    plannedAt,
    expiresAt: instantFromMicros(instantMicros(plannedAt) + PLAN_GOOD_FOR_MICROS),
    requestedBy: parts.actor,
    t0: counted.snapshot.t0,
    holdVersion: counted.snapshot.holdVersion,
    reach: reachOf(schedule, parts.store),
    steps: parts.rules.map((rule, index) => composeStep(parts, rule, counted.steps[index])),
    notRun: standingRules(schedule).filter(
      ({ recordClass }) => schedule.recordClasses[recordClass]?.store === parts.store,
    ),
  };
}

function reachOf(schedule: RetentionSchedule, store: string): PlanDocument['reach'] {
  const classes = Object.values(schedule.recordClasses).filter((one) => one.store === store);
  return {
    class: classes.map(({ id }) => id).sort(),
    subject: [...new Set(classes.flatMap(({ subjects }) => Object.keys(subjects)))].sort(),
  };
}

/** Rules that never run, each with the reason in words. */
export function standingRules(schedule: RetentionSchedule): PlanDocument['notRun'][number][] {
  return Object.values(schedule.rules).flatMap((rule) => {
    if (rule.kind === 'timed') return [];
    const word = rule.kind === 'undecided' ? 'undecided' : 'kept indefinitely';
    return [{ rule: rule.id, recordClass: rule.appliesTo, why: `${word}: ${rule.because}` }];
  });
}

function composeStep(
  parts: Composition,
  resolved: ResolvedRule,
  counted: CountedStep | undefined,
): PlanStep {
  const { rule, aggregate } = resolved;
  invariant(counted !== undefined, 'A step was not counted.', { rule: rule.id });
  const { schedule } = parts.inForce;
  const zone = rule.trigger.zone ?? schedule.timezone;
  const { statements: _, ...frozen } = counted;
  const oldest =
    counted.oldestTrigger === null
      ? undefined
      : datesOf(schedule, rule, triggerMoment(counted.oldestTrigger, zone), parts.asOf);
  return {
    ...frozen,
    recordClass: aggregate.recordClass.id,
    title: aggregate.recordClass.title,
    rule: rule.id,
    ruleText: ruleInWords(rule),
    authority: rule.authority,
    action: rule.then.kind,
    boundary: boundaryText(schedule, resolved, parts.asOf),
    oldestDestroyableFrom: oldest?.destroyableFrom ?? null,
    overdueDays: oldest?.overdueDays ?? null,
  };
}

/** `6 years after contract closed`, `at once after unsubscribed`. */
export function ruleInWords(rule: TimedRule): string {
  const period = rule.keep.atLeast.iso === 'P0D' ? 'at once' : periodInWords(rule.keep.atLeast);
  const from =
    rule.cutoff === undefined ? '' : ` the end of the ${rule.cutoff.replaceAll('_', ' ')} of`;
  return `${period} after${from} ${rule.trigger.event}`;
}
