/**
 * Layer 3: what the words of a schedule mean together, without a database. Entries that layer 2
 * refused are left out, but their names count as known: one mistake is told once.
 */

import { isZone } from '../domain/calendar.ts';
import { mayEndBefore } from '../domain/period.ts';
import type { RecordClass, RetentionRule, StoreDefinition, TimedRule } from '../domain/schedule.ts';
import { didYouMean } from '../domain/suggest.ts';
import { type Problem, problem, problemAtKey, type SchedulePath } from './schedule-finding.ts';
import { type ReadableSchedule, sameTable } from './schedule-readable.ts';
import { stageProblems } from './schedule-stages.ts';

/** Every problem of meaning; `placeOf` names the other place of a collision. */
export function meaningProblems(
  schedule: ReadableSchedule,
  placeOf: (path: SchedulePath) => string,
): Problem[] {
  return [
    ...zoneProblem(['timezone'], schedule.timezone),
    ...schedule.stores.flatMap(storeProblems),
    ...schedule.classes.flatMap((one) => classProblems(one, schedule)),
    ...sharedTables(schedule),
    ...schedule.rules.flatMap((rule) => ruleProblems(rule, schedule)),
    ...stageProblems(schedule, placeOf),
    ...schedule.tests.flatMap(({ rule, index }) =>
      unknownName(['tests', index, 'rule'], 'RULE_UNKNOWN', 'rule', rule, schedule.names.rules),
    ),
  ];
}

/** A record that is restored from a backup must be found in the log, or nobody knows that it has to go again. */
function storeProblems({ id, backupsKeptFor, epochKeysKeptFor }: StoreDefinition): Problem[] {
  if (epochKeysKeptFor === undefined || !mayEndBefore(epochKeysKeptFor, backupsKeptFor)) return [];
  const path = ['stores', id, 'epoch_keys_kept_for'];
  const message = `${epochKeysKeptFor.iso} may end before backups_kept_for ${backupsKeptFor.iso} does.`;
  return [problem(path, 'EPOCH_KEYS_SHORTER', message)];
}

function classProblems(one: RecordClass, schedule: ReadableSchedule): Problem[] {
  const path = ['record_classes', one.id];
  const { names, rules } = schedule;
  const problems = unknownName(
    [...path, 'store'],
    'STORE_UNKNOWN',
    'store',
    one.store,
    names.stores,
  );
  // A rule that layer 2 refused may be the one that applies: then silence.
  const allRead = rules.length === names.rules.length;
  if (allRead && !rules.some((rule) => rule.appliesTo === one.id)) {
    const message = 'no rule applies to this record class, so its records are kept for ever.';
    problems.push({ ...problemAtKey(path, 'CLASS_WITHOUT_RULE', message), severity: 'warning' });
  }
  return problems;
}

function sharedTables(schedule: ReadableSchedule): Problem[] {
  return schedule.classes.flatMap((one, index) => {
    const first = schedule.classes.slice(0, index).find((other) => sameTable(one, other));
    if (first === undefined || (schedule.noted.has(one.id) && schedule.noted.has(first.id))) {
      return [];
    }
    const message = `${first.id} stands on the same table. One class with where: on its rules is safer; if two are meant, give both a note: that says why.`;
    return [problem(['record_classes', one.id, 'table'], 'TABLE_SHARED', message)];
  });
}

function ruleProblems(rule: RetentionRule, schedule: ReadableSchedule): Problem[] {
  const path = ['rules', rule.id];
  const { classes, calendars } = schedule.names;
  const to = [...path, 'applies_to'];
  const problems = unknownName(to, 'CLASS_UNKNOWN', 'record class', rule.appliesTo, classes);
  if (rule.kind !== 'timed') return problems;
  if (rule.cutoff !== undefined) {
    const cutoff = [...path, 'cutoff'];
    problems.push(...unknownName(cutoff, 'CALENDAR_UNKNOWN', 'calendar', rule.cutoff, calendars));
  }
  problems.push(...zoneProblem([...path, 'trigger', 'zone'], rule.trigger.zone));
  problems.push(...keepProblems(rule, schedule.atOnce.has(rule.id), path));
  const recordClass = schedule.classes.find((one) => one.id === rule.appliesTo);
  problems.push(...dispositionProblems(rule, recordClass?.key ?? [], path));
  return problems;
}

function keepProblems(rule: TimedRule, atOnce: boolean, path: SchedulePath): Problem[] {
  const { atLeast, atMost } = rule.keep;
  const problems: Problem[] = [];
  if (atMost !== undefined && mayEndBefore(atMost, atLeast)) {
    const message = `${atMost.iso} may end before at_least ${atLeast.iso} does.`;
    problems.push(problem([...path, 'keep', 'at_most'], 'AT_MOST_SHORTER', message));
  }
  if (atLeast.count === 0 && !atOnce) {
    const message =
      'P0D destroys as soon as the trigger happens. If that is meant, add at_once: true to the rule.';
    problems.push(problem([...path, 'keep', 'at_least'], 'AT_ONCE_MISSING', message));
  }
  if (atLeast.count !== 0 && atOnce) {
    const message = `contradicts at_least ${atLeast.iso}: at once is written P0D.`;
    problems.push(problem([...path, 'at_once'], 'AT_ONCE_WITHOUT_P0D', message));
  }
  return problems;
}

/** A disposition that changed its own trigger would make the rule forget, or fire again. */
function dispositionProblems(
  rule: TimedRule,
  key: readonly string[],
  path: SchedulePath,
): Problem[] {
  const { then } = rule;
  const trigger = rule.trigger.kind === 'column' ? rule.trigger.column : undefined;
  if (then.kind === 'reduce' && trigger !== undefined && ![...then.to, ...key].includes(trigger)) {
    const message = `does not keep "${trigger}", the column this rule counts from. Add it.`;
    return [problem([...path, 'to'], 'TRIGGER_NOT_KEPT', message)];
  }
  if (then.kind !== 'anonymise') return [];
  return Object.keys(then.columns).flatMap((column) => {
    const at = [...path, 'columns', column];
    if (key.includes(column)) {
      return [problemAtKey(at, 'KEY_NOT_KEPT', `"${column}" belongs to the record key.`)];
    }
    if (column !== trigger) return [];
    const message = `"${column}" is the column this rule counts from.`;
    return [problemAtKey(at, 'TRIGGER_NOT_KEPT', message)];
  });
}

function zoneProblem(path: SchedulePath, zone: string | undefined): Problem[] {
  if (zone === undefined || isZone(zone)) return [];
  const guess = didYouMean(zone, ['UTC', ...Intl.supportedValuesOf('timeZone')]);
  const message = `${JSON.stringify(zone)} is not a zone of the IANA table, such as Europe/London.`;
  return [problem(path, 'ZONE_UNKNOWN', `${message}${guess}`)];
}

function unknownName(
  path: SchedulePath,
  code: 'STORE_UNKNOWN' | 'CLASS_UNKNOWN' | 'CALENDAR_UNKNOWN' | 'RULE_UNKNOWN',
  what: string,
  name: string,
  known: readonly string[],
): Problem[] {
  if (known.includes(name)) return [];
  const message = `no ${what} "${name}" is in this file.${didYouMean(name, known)}`;
  return [problem(path, code, message)];
}
