/**
 * Which rules of a new schedule may free records earlier than the installed one. Whoever installs
 * it names each of them: a slip such as P6D for P6Y must not pass as an edit.
 */

import { conditionInWords, imply } from './conditions.ts';
import { mayEndBefore } from './period.ts';
import {
  type RecordClass,
  type RetentionRule,
  type RetentionSchedule,
  STAGE,
  type TimedRule,
} from './schedule.ts';

/** A rule that may free records earlier. `from` and `to` say all that changed, in words. */
export interface ShorterRule {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
}

/**
 * Every change that may free a record earlier, by rule; empty when none can. Errs towards naming a
 * rule: periods of different units, other calendars and other triggers count as shorter. A new rule
 * is compared with the rules of its class that it replaces, so that a new name hides nothing.
 */
export function shorterThan(next: RetentionSchedule, installed: RetentionSchedule): ShorterRule[] {
  const timed = Object.values(next.rules).filter((rule) => rule.kind === 'timed');
  return timed.flatMap((rule) => {
    const changes = predecessors(rule, next, installed).flatMap((before) =>
      ruleChanges(rule, before, next, installed),
    );
    if (changes.length === 0) return [];
    const [from, to] = [0, 1].map((side) => changes.map((change) => change[side]).join('; '));
    return [{ rule: rule.id, from: from ?? '', to: to ?? '' }];
  });
}

type Change = [from: string, to: string];

function predecessors(
  rule: TimedRule,
  next: RetentionSchedule,
  installed: RetentionSchedule,
): RetentionRule[] {
  const sameName = Object.values(installed.rules).filter(({ id }) => id === rule.id);
  // A permanent rule that is gone protected the class whatever the names of the others are.
  const gone = Object.values(installed.rules).filter(
    (before) =>
      before.id !== rule.id &&
      before.appliesTo === rule.appliesTo &&
      next.rules[before.id]?.kind !== before.kind,
  );
  const protecting = gone.filter(({ kind }) => kind === 'permanent' && rule.then.kind === 'delete');
  const replaced = sameName.length > 0 ? [] : gone.filter(({ kind }) => kind === 'timed');
  return [...sameName, ...replaced, ...protecting];
}

function ruleChanges(
  rule: TimedRule,
  before: RetentionRule,
  next: RetentionSchedule,
  installed: RetentionSchedule,
): Change[] {
  if (before.kind === 'undecided') return [];
  const renamed = before.id === rule.id ? '' : ` (${before.id})`;
  if (before.kind === 'permanent') {
    return [[`keep indefinitely${renamed}`, `${rule.then.kind} after ${rule.keep.atLeast.iso}`]];
  }
  const changes: (Change | undefined)[] = [
    periodChange(rule, before),
    cutoffChange(rule, before, next, installed),
    triggerChange(rule, before),
    whereChange(rule, before),
    dispositionChange(rule, before),
    differ('applies_to', before.appliesTo, rule.appliesTo),
    differ('timezone', installed.timezone, next.timezone),
    ...classChanges(next.recordClasses[rule.appliesTo], installed.recordClasses[rule.appliesTo]),
  ];
  return changes
    .filter((change) => change !== undefined)
    .map(([from, to]) => [`${from}${renamed}`, to]);
}

function periodChange(rule: TimedRule, before: TimedRule): Change | undefined {
  const [from, to] = [before.keep.atLeast, rule.keep.atLeast];
  return mayEndBefore(to, from) ? [`at_least ${from.iso}`, `at_least ${to.iso}`] : undefined;
}

function cutoffChange(
  rule: TimedRule,
  before: TimedRule,
  next: RetentionSchedule,
  installed: RetentionSchedule,
): Change | undefined {
  if (before.cutoff === undefined) return undefined;
  const [from, to] = [installed.calendars[before.cutoff], next.calendars[rule.cutoff ?? '']];
  if (sameJson(from, to)) return undefined;
  const now =
    rule.cutoff === undefined ? 'no cutoff' : `cutoff ${rule.cutoff} ${JSON.stringify(to)}`;
  return [`cutoff ${before.cutoff} ${JSON.stringify(from)}`, now];
}

function triggerChange(rule: TimedRule, before: TimedRule): Change | undefined {
  const [from, to] = [before.trigger, rule.trigger];
  // The latest of some parts is never before the earliest of the same parts.
  const later = from.kind === 'earliest' && to.kind === 'latest' ? 'latest' : from.kind;
  const same = sameJson({ ...from, kind: later, event: '' }, { ...to, event: '' });
  return same ? undefined : [triggerInWords(before), triggerInWords(rule)];
}

function triggerInWords({ trigger }: TimedRule): string {
  const column = trigger.kind === 'column' ? trigger.column : `${trigger.part}.${trigger.column}`;
  return `trigger ${trigger.kind} ${column}${trigger.zone === undefined ? '' : ` in ${trigger.zone}`}`;
}

function whereChange(rule: TimedRule, before: TimedRule): Change | undefined {
  const dropped = before.where.filter((condition) => !imply(rule.where, condition));
  if (dropped.length === 0) return undefined;
  const now = rule.where.map(conditionInWords).join(' and ');
  return [
    `where ${dropped.map(conditionInWords).join(' and ')}`,
    now === '' ? 'every record' : `where ${now}`,
  ];
}

function dispositionChange(rule: TimedRule, before: TimedRule): Change | undefined {
  const [from, to] = [before.then, rule.then];
  if (from.kind !== to.kind) {
    return STAGE[to.kind] > STAGE[from.kind] ? [from.kind, to.kind] : undefined;
  }
  const lost = lostColumns(from, to);
  return lost.length === 0 ? undefined : [`${from.kind} keeps ${lost.join(', ')}`, 'does not'];
}

function lostColumns(from: TimedRule['then'], to: TimedRule['then']): string[] {
  if (from.kind === 'reduce' && to.kind === 'reduce') {
    return from.to.filter((column) => !to.to.includes(column));
  }
  if (from.kind === 'anonymise' && to.kind === 'anonymise') {
    return Object.keys(to.columns).filter((column) => !Object.hasOwn(from.columns, column));
  }
  return [];
}

/** How little a reference stands in the way; one that is gone no longer does at all. */
const FREEDOM = { blocking: 0, detached: 1, owned: 2, 'not named': 2 } as const;

/** A blocking reference that stops blocking frees records, and so does a subject no hold finds. */
function classChanges(
  to: RecordClass | undefined,
  from: RecordClass | undefined,
): (Change | undefined)[] {
  if (to === undefined || from === undefined) return [];
  const references = Object.entries(from.references).map(([name, role]): Change | undefined => {
    const now = to.references[name] ?? 'not named';
    const freer = FREEDOM[role] < FREEDOM[now];
    return freer ? [`${name} ${role}`, `${name} ${now}`] : undefined;
  });
  const subjects = Object.entries(from.subjects).flatMap(([kind, columns]) =>
    columns
      .filter((column) => !to.subjects[kind]?.includes(column))
      .map((column): Change => [`subject ${kind} in ${column}`, 'not a subject']),
  );
  const place = (one: RecordClass) => `table ${one.store} ${one.table.schema}.${one.table.name}`;
  return [differ('', place(from), place(to)), ...references, ...subjects];
}

function differ(what: string, from: string, to: string): Change | undefined {
  return from === to ? undefined : [`${what} ${from}`.trim(), `${what} ${to}`.trim()];
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
