/** Why a record stays, or when it may go: rules, dates, holds, what blocks. */
import { RetentionError } from '../domain/errors.ts';
import { instant } from '../domain/instant.ts';
import type { RetentionSchedule } from '../domain/schedule.ts';
import { didYouMean } from '../domain/suggest.ts';
import type { Aggregate } from '../stores/postgres/aggregate.ts';
import type { StoreConnection } from '../stores/postgres/connection.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import { blockersOf, canonicalKey, holdsOn, recordExists, type RecordHold, type RuleState, ruleState } from '../stores/postgres/explain.ts';
import { boundaryText, type Dates, datesOf, triggerMoment } from './boundaries.ts';
import { type Retain, scheduleInForce, storeNamed, withStore } from './context.ts';
import { requireMatch } from './match-store.ts';
import { ruleInWords } from './plan-run.ts';

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
  readonly standing: readonly { readonly rule: string; readonly text: string }[];
  readonly holds: readonly RecordHold[];
  readonly blockedBy: readonly { readonly constraint: string; readonly table: string }[];
  /** `due`: the next plan would take it. `kept`: no rule makes it due yet. */
  readonly verdict: 'due' | 'kept' | 'held' | 'blocked' | 'absent';
}

/**
 * Explains one record of a class at the store's own clock. Throws `RECORD_CLASS_UNKNOWN` and
 * `KEY_INVALID`; the key appears in no error.
 */
export async function explainRecord(retain: Retain, recordClass: string, key: readonly string[]): Promise<Explanation> {
  const { schedule, version } = await scheduleInForce(retain);
  const definition = schedule.recordClasses[recordClass];
  if (!definition) {
    const names = Object.keys(schedule.recordClasses);
    throw new RetentionError('RECORD_CLASS_UNKNOWN', `There is no record class ${recordClass}.${didYouMean(recordClass, names)} Classes: ${names.join(', ')}.`);
  }
  return withStore(retain, storeNamed(schedule, definition.store), 'retain_app', async (connection) => {
    const { resolved } = await requireMatch(connection, schedule);
    const aggregate = resolved.aggregates.get(recordClass);
    if (!aggregate) throw new RetentionError('INVARIANT_BROKEN', 'The class was not resolved.', { recordClass });
    return asStore(connection.store, async () => {
      const canonical = await canonicalKey(connection.sql, aggregate, key);
      if (!canonical) throw new RetentionError('KEY_INVALID', keyShape(aggregate));
      const asOf = await storeClock(connection);
      const base = { recordClass, title: definition.title, scheduleVersion: version, asOf, standing: standingRules(schedule, recordClass) };
      if (!(await recordExists(connection.sql, aggregate, canonical))) {
        return { ...base, exists: false, rules: [], holds: [], blockedBy: [], verdict: 'absent' as const };
      }
      const rules: ExplainedRule[] = [];
      for (const rule of resolved.rules.values()) {
        if (rule.rule.appliesTo !== recordClass) continue;
        const state = await ruleState(connection.sql, rule, boundaryText(schedule, rule, instant(asOf)), canonical);
        rules.push({
          rule: rule.rule.id,
          text: ruleInWords(rule.rule),
          authority: rule.rule.authority,
          action: rule.rule.then.kind,
          state,
          dates: state.trigger === null ? null : datesOf(schedule, rule.rule, triggerMoment(state.trigger), instant(asOf)),
        });
      }
      const holds = await holdsOn(connection.sql, resolved, aggregate, canonical);
      const blockedBy = await blockersOf(connection.sql, aggregate, canonical);
      return { ...base, exists: true, rules, holds, blockedBy, verdict: verdictOf(rules, holds, blockedBy) };
    });
  });
}

function verdictOf(rules: readonly ExplainedRule[], holds: readonly unknown[], blockedBy: readonly unknown[]): Explanation['verdict'] {
  if (holds.length > 0) return 'held';
  if (!rules.some(({ state }) => state.due)) return 'kept';
  return blockedBy.length > 0 ? 'blocked' : 'due';
}

/** Says how a key of the class is written, without repeating the one that was given. */
export function keyShape(aggregate: Aggregate): string {
  const columns = aggregate.key.map((part) => `${part.name} (${part.type})`).join(', ');
  return `That is not a key of ${aggregate.recordClass.id}: a key is ${columns}.`;
}

async function storeClock(connection: StoreConnection): Promise<string> {
  const [row] = await connection.sql<{ now: string }[]>`
    select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`;
  return row?.now ?? '';
}

function standingRules(schedule: RetentionSchedule, recordClass: string): { rule: string; text: string }[] {
  return Object.values(schedule.rules).flatMap((rule) =>
    rule.appliesTo !== recordClass || rule.kind === 'timed'
      ? []
      : [{ rule: rule.id, text: rule.kind === 'permanent' ? `kept indefinitely: ${rule.because}` : `undecided: ${rule.because}` }],
  );
}
