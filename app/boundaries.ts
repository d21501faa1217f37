/** Where pure calendar and live columns meet: boundaries and triggers in the text form of a column's type. */

import { dayIn } from '../domain/calendar.ts';
import { calendarDate, dayNumber } from '../domain/civil.ts';
import {
  boundary,
  firstDestroyable,
  lastDayKept,
  type RetentionClock,
  type TriggerMoment,
} from '../domain/eligibility.ts';
import { type Instant, instant } from '../domain/instant.ts';
import type { RetentionPeriod, RetentionSchedule, TimedRule } from '../domain/schedule.ts';
import { latestInstant, localBoundary } from '../domain/wall-clock.ts';
import type { ResolvedRule } from '../stores/postgres/match-rule.ts';

/** What a rule counts by; with `period` another period than its minimum. */
export function clockOf(
  schedule: RetentionSchedule,
  rule: TimedRule,
  period: RetentionPeriod = rule.keep.atLeast,
): RetentionClock {
  const cutoff = rule.cutoff === undefined ? undefined : schedule.calendars[rule.cutoff];
  return { zone: schedule.timezone, period, cutoff };
}

/** Everything before this text, read as the trigger column's type, is due at `asOf`. */
export function boundaryText(
  schedule: RetentionSchedule,
  resolved: ResolvedRule,
  asOf: Instant,
): string {
  const limit = boundary(clockOf(schedule, resolved.rule), asOf);
  switch (resolved.trigger.column.type) {
    case 'date':
      return limit.day;
    case 'timestamp without time zone':
      return localBoundary(limit.instant, resolved.trigger.zone ?? schedule.timezone);
    default:
      return limit.instant;
  }
}

/**
 * A trigger as PostgreSQL prints it (ISO, UTC session), as the calendar takes it. A reading without a
 * zone is the latest instant it can mean in the zone it was written in.
 */
export function triggerMoment(text: string, zone: string): TriggerMoment {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return { day: calendarDate(text) };
  const zoned = /[+-]\d{2}(:\d{2})?$/.exec(text);
  if (!zoned) return { instant: latestInstant(text, zone) };
  const offset = zoned[0].length === 3 ? `${zoned[0]}:00` : zoned[0];
  return { instant: instant(`${text.slice(0, -zoned[0].length).replace(' ', 'T')}${offset}`) };
}

export interface Dates {
  readonly keptThrough: string;
  readonly destroyableFrom: string;
  /** Days past the promised maximum at `asOf`; null without one, 0 when in time. */
  readonly overdueDays: number | null;
}

/** The dates that follow from one trigger. */
export function datesOf(
  schedule: RetentionSchedule,
  rule: TimedRule,
  trigger: TriggerMoment,
  asOf: Instant,
): Dates {
  const { keptThrough, destroyableFrom } = firstDestroyable(clockOf(schedule, rule), trigger);
  const most = rule.keep.atMost;
  if (!most) return { keptThrough, destroyableFrom, overdueDays: null };
  const day = 'day' in trigger ? trigger.day : dayIn(schedule.timezone, trigger.instant);
  const promised = lastDayKept({ cutoff: clockOf(schedule, rule).cutoff, period: most }, day);
  const late = dayNumber(dayIn(schedule.timezone, asOf)) - dayNumber(promised);
  return { keptThrough, destroyableFrom, overdueDays: Math.max(0, late) };
}
