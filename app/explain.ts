/** Why a record stays, or when it may go: rules, dates, holds, what blocks. */
import { instant } from '../domain/instant.ts';
import type { RetentionSchedule, TimedRule } from '../domain/schedule.ts';
import type { Aggregate } from '../stores/postgres/aggregate.ts';
import { type StoreConnection, storeClock } from '../stores/postgres/connection.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import {
  blockersOf,
  holdsOn,
  type RecordHold,
  type RuleState,
  recordExists,
  ruleState,
} from '../stores/postgres/explain.ts';
import type { ResolvedStore } from '../stores/postgres/reality.ts';
import { boundaryText, type Dates, datesOf, triggerMoment } from './boundaries.ts';
import { ruleInWords, standingRules } from './compose-plan.ts';
import { type Retain, scheduleInForce, storeNamed, withStore } from './context.ts';
import { requireMatch } from './match-store.ts';
import { aggregateOf, canonicalKey, recordClassNamed } from './record-keys.ts';

export interface ExplainedRule {
  readonly rule: string;
  readonly text: string;
  readonly authority: string;
  readonly action: string;
  readonly state: RuleState;
  /** What follows from the trigger; null while there is none. */
  readonly dates: Dates | null;
}

export interface Explanation {
  readonly recordClass: string;
  readonly title: string;
  readonly scheduleVersion: number;
  readonly asOf: string;
  /** False: no such record. Nothing else is known then; ask the deletion log. */
  readonly exists: boolean;
  readonly rules: readonly ExplainedRule[];
  /** Rules that keep for ever or are undecided, in words. */
  readonly standing: readonly { readonly rule: string; readonly why: string }[];
  readonly holds: readonly RecordHold[];
  readonly blockedBy: readonly { readonly constraint: string; readonly table: string }[];
  /** `due`: the next plan would take it. `kept`: no rule makes it due yet. */
  readonly verdict: 'due' | 'kept' | 'held' | 'blocked' | 'absent';
}

/**
 * Explains one record of a class at the store's own clock. Throws `RECORD_CLASS_UNKNOWN` and
 * `KEY_INVALID`; the key appears in no error.
 */
export async function explainRecord(
  retain: Retain,
  recordClass: string,
  key: readonly string[],
): Promise<Explanation> {
  const { schedule, version } = await scheduleInForce(retain);
  const definition = recordClassNamed(schedule, recordClass);
  const store = storeNamed(schedule, definition.store);
  return withStore(retain, store, 'retain_app', async (connection) => {
    const { resolved } = await requireMatch(connection, schedule);
    const aggregate = aggregateOf(resolved, definition);
    return asStore(connection.store, async () => {
      const canonical = await canonicalKey(connection, aggregate, key);
      const asOf = await storeClock(connection);
      return {
        recordClass,
        title: definition.title,
        scheduleVersion: version,
        asOf,
        standing: standingRules(schedule).filter((rule) => rule.recordClass === recordClass),
        ...(await recordState({ connection, schedule, resolved, aggregate }, asOf, canonical)),
      };
    });
  });
}

interface Place {
  readonly connection: StoreConnection;
  readonly schedule: RetentionSchedule;
  readonly resolved: ResolvedStore;
  readonly aggregate: Aggregate;
}

type RecordState = Pick<Explanation, 'exists' | 'rules' | 'holds' | 'blockedBy' | 'verdict'>;

async function recordState(
  { connection, schedule, resolved, aggregate }: Place,
  asOf: string,
  key: readonly string[],
): Promise<RecordState> {
  const { sql } = connection;
  if (!(await recordExists(sql, aggregate, key))) {
    return { exists: false, rules: [], holds: [], blockedBy: [], verdict: 'absent' };
  }
  const rules: ExplainedRule[] = [];
  for (const one of resolved.rules.values()) {
    if (one.aggregate !== aggregate) continue;
    const state = await ruleState(sql, one, boundaryText(schedule, one, instant(asOf)), key);
    rules.push(explainRule(schedule, one.rule, state, asOf));
  }
  const holds = await holdsOn(sql, resolved, aggregate, key);
  const blockedBy = await blockersOf(sql, aggregate, key);
  return { exists: true, rules, holds, blockedBy, verdict: verdictOf(rules, holds, blockedBy) };
}

function explainRule(
  schedule: RetentionSchedule,
  rule: TimedRule,
  state: RuleState,
  asOf: string,
): ExplainedRule {
  const zone = rule.trigger.zone ?? schedule.timezone;
  return {
    rule: rule.id,
    text: ruleInWords(rule),
    authority: rule.authority,
    action: rule.then.kind,
    state,
    dates:
      state.trigger === null
        ? null
        : datesOf(schedule, rule, triggerMoment(state.trigger, zone), instant(asOf)),
  };
}

function verdictOf(
  rules: readonly ExplainedRule[],
  holds: readonly unknown[],
  blockedBy: readonly unknown[],
): Explanation['verdict'] {
  if (holds.length > 0) return 'held';
  if (!rules.some(({ state }) => state.due)) return 'kept';
  return blockedBy.length > 0 ? 'blocked' : 'due';
}
