/** "When could this go?": what a rule says about one trigger, without any database. */

import { dayIn } from '../domain/calendar.ts';
import { type CalendarDate, calendarDate, dayInWords, parseCalendarDate } from '../domain/civil.ts';
import { firstDestroyable, type TriggerMoment } from '../domain/eligibility.ts';
import { RetentionError } from '../domain/errors.ts';
import { type Instant, instant, parseInstant } from '../domain/instant.ts';
import { periodInWords } from '../domain/period.ts';
import type { RetentionSchedule, TimedRule } from '../domain/schedule.ts';
import { didYouMean } from '../domain/suggest.ts';
import { wallClock } from '../domain/wall-clock.ts';

/** The answer. Days are `YYYY-MM-DD`, instants RFC 3339 in UTC. */
export interface WhenAnswer {
  readonly rule: string;
  /** The trigger as understood. */
  readonly trigger: string;
  /** Day the period counts from: the trigger's own day when the rule has no calendar. */
  readonly cutoff: string;
  /** Last day the record is kept. */
  readonly keptThrough: string;
  /** First instant at which it may be destroyed. */
  readonly destroyableFrom: string;
}

/**
 * What the rule says about a record whose trigger happened at `triggerText`, a day (`2020-02-29`) or
 * an RFC 3339 instant. `RULE_UNKNOWN` for a rule that is not there or never destroys, `USAGE` for a
 * trigger that cannot be read.
 */
export function scheduleWhen(
  schedule: RetentionSchedule,
  ruleId: string,
  triggerText: string,
): WhenAnswer {
  const rule = timedRule(schedule, ruleId);
  const trigger = triggerMoment(triggerText);
  const answer = firstDestroyable(
    {
      zone: schedule.timezone,
      cutoff: rule.cutoff === undefined ? undefined : schedule.calendars[rule.cutoff],
      period: rule.keep.atLeast,
    },
    trigger,
  );
  const { cutoff = triggerDay(schedule, trigger), keptThrough, destroyableFrom } = answer;
  const understood = 'day' in trigger ? trigger.day : trigger.instant;
  return { rule: rule.id, trigger: understood, cutoff, keptThrough, destroyableFrom };
}

/** The answer for people, line by line. */
export function describeWhen(schedule: RetentionSchedule, answer: WhenAnswer): string[] {
  const rule = timedRule(schedule, answer.rule);
  const title = schedule.recordClasses[rule.appliesTo]?.title ?? rule.appliesTo;
  const zone = schedule.timezone;
  const local = localMinute(instant(answer.destroyableFrom), zone);
  const rows: [string, string][] = [
    [rule.trigger.event, triggerInWords(answer.trigger, zone)],
    ...(rule.cutoff === undefined ? [] : [cutoffRow(rule.cutoff, answer.cutoff)]),
    ['kept through', dayInWords(calendarDate(answer.keptThrough))],
    ['may be destroyed from', `${local} ${zone}  (${answer.destroyableFrom})`],
  ];
  const width = Math.max(...rows.map(([label]) => label.length)) + 2;
  return [
    `${title}, ${periodInWords(rule.keep.atLeast)} after ${rule.trigger.event} (${rule.authority})`,
    ...rows.map(([label, value]) => `  ${label.padEnd(width)}${value}`),
  ];
}

function timedRule(schedule: RetentionSchedule, ruleId: string): TimedRule {
  const rule = Object.hasOwn(schedule.rules, ruleId) ? schedule.rules[ruleId] : undefined;
  if (rule === undefined) {
    const guess = didYouMean(ruleId, Object.keys(schedule.rules));
    throw new RetentionError('RULE_UNKNOWN', `No rule "${ruleId}" is in the schedule.${guess}`);
  }
  if (rule.kind === 'timed') return rule;
  const why =
    rule.kind === 'permanent'
      ? 'keeps its records indefinitely, so no day comes on which they may be destroyed'
      : 'is undecided, so it never runs';
  throw new RetentionError('RULE_UNKNOWN', `Rule ${ruleId} ${why}.`, { rule: ruleId });
}

function triggerMoment(text: string): TriggerMoment {
  const day = parseCalendarDate(text);
  if (day !== undefined) return { day };
  const at = parseInstant(text);
  if (at !== undefined) return { instant: at };
  throw new RetentionError(
    'USAGE',
    'The trigger is neither a day such as 2020-02-29 nor an instant with its offset such as 2020-02-29T12:00:00Z.',
  );
}

function triggerDay(schedule: RetentionSchedule, trigger: TriggerMoment): CalendarDate {
  return 'day' in trigger ? trigger.day : dayIn(schedule.timezone, trigger.instant);
}

function cutoffRow(calendar: string, cutoff: string): [string, string] {
  return [
    'counts from',
    `${dayInWords(calendarDate(cutoff))}, end of ${calendar.replaceAll('_', ' ')}`,
  ];
}

function triggerInWords(trigger: string, zone: string): string {
  const day = parseCalendarDate(trigger);
  return day === undefined ? `${localMinute(instant(trigger), zone)} ${zone}` : dayInWords(day);
}

/** `1 Mar 2026 00:00`; with seconds when there are any. */
function localMinute(at: Instant, zone: string): string {
  const [day = '', time = ''] = wallClock(at, zone).split(' ');
  return `${dayInWords(calendarDate(day))} ${time.replace(/(:00)?\.000000$/, '')}`;
}
