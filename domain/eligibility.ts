/**
 * From a trigger to the first moment a record may be destroyed, and from a moment back to the
 * triggers that are due. The two answers agree for every trigger; a property test holds them to it.
 */

import { addPeriod, cutoffDay, dayIn, startOfDay } from './calendar.ts';
import { addDays, type CalendarDate, dayFromNumber, dayNumber, dayOf, dayParts } from './civil.ts';
import { invariant } from './errors.ts';
import { compareInstants, type Instant, instantFromMicros, instantMicros } from './instant.ts';
import type { CutoffCalendar, RetentionPeriod } from './schedule.ts';

/** What a rule counts by: a zone for its days, optionally a calendar of period ends, and a period. */
export interface RetentionClock {
  /** IANA zone in which days are counted. */
  readonly zone: string;
  readonly cutoff?: CutoffCalendar | undefined;
  readonly period: RetentionPeriod;
}

const LONGEST_UNIT_DAYS = { years: 366, months: 31, weeks: 7, days: 1 } as const;

/** A trigger as the record holds it: a day, or an instant. */
export type TriggerMoment = { readonly day: CalendarDate } | { readonly instant: Instant };

export interface Destroyability {
  /** Day the period counts from; absent when the rule has no calendar (it is the trigger's own day). */
  readonly cutoff?: CalendarDate;
  /** Last day the record must be kept. */
  readonly keptThrough: CalendarDate;
  /** First instant at which it may be destroyed. */
  readonly destroyableFrom: Instant;
}

/**
 * The last day a record triggered on `triggerDay` must be kept: cutoff plus period, added once.
 * From a period end, whole periods reach the future period's end when that is later: a year ending
 * on the last day of February counts 28 February 2022 + P6Y through 29 February 2028.
 */
export function lastDayKept(
  clock: Pick<RetentionClock, 'cutoff' | 'period'>,
  triggerDay: CalendarDate,
): CalendarDate {
  const cutoff = cutoffDay(clock.cutoff, triggerDay);
  const sum = addPeriod(cutoff, clock.period);
  const periodEnd = futurePeriodEnd(clock, sum);
  return periodEnd !== undefined && periodEnd > sum ? periodEnd : sum;
}

/**
 * When a record may go: 00:00 local of the day after the last day kept. `P0D` without a calendar is
 * the exception, at once: at the trigger's instant, or at the start of its day when only the day is
 * known. `P0D` with a calendar keeps through the period end.
 */
export function firstDestroyable(clock: RetentionClock, trigger: TriggerMoment): Destroyability {
  const day = 'day' in trigger ? trigger.day : dayIn(clock.zone, trigger.instant);
  const keptThrough = lastDayKept(clock, day);
  if (isAtOnce(clock)) {
    const at = 'day' in trigger ? startOfDay(clock.zone, day) : trigger.instant;
    return { keptThrough, destroyableFrom: at };
  }
  const destroyableFrom = startOfDay(clock.zone, addDays(keptThrough, 1));
  if (clock.cutoff === undefined) return { keptThrough, destroyableFrom };
  return { cutoff: cutoffDay(clock.cutoff, day), keptThrough, destroyableFrom };
}

/**
 * The one value `T` such that, at `asOf`, exactly the triggers `t < T` are destroyable: `day` for
 * `date` columns, `instant` for `timestamptz` columns (compare with microseconds), and
 * `localBoundary(instant, zone)` for `timestamp` columns.
 */
export function boundary(
  clock: RetentionClock,
  asOf: Instant,
): { day: CalendarDate; instant: Instant } {
  const today = dayIn(clock.zone, asOf);
  if (isAtOnce(clock)) {
    // "At or before asOf" as a strict comparison: one step of PostgreSQL's clock later.
    return { day: addDays(today, 1), instant: instantFromMicros(instantMicros(asOf) + 1n) };
  }
  const isDue = (day: number) =>
    compareInstants(firstDestroyable(clock, { day: dayFromNumber(day) }).destroyableFrom, asOf) <=
    0;
  // Today's triggers are never due: the day after them has not begun. Two years beyond the period's
  // greatest length every trigger is, for a period end is at most a year away on either side.
  let notDue = dayNumber(today);
  let due = notDue - clock.period.count * LONGEST_UNIT_DAYS[clock.period.unit] - 800;
  invariant(isDue(due) && !isDue(notDue), 'the boundary lies outside the searched days');
  while (notDue - due > 1) {
    const middle = Math.floor((due + notDue) / 2);
    if (isDue(middle)) due = middle;
    else notDue = middle;
  }
  const day = dayFromNumber(notDue);
  return { day, instant: startOfDay(clock.zone, day) };
}

function isAtOnce(clock: RetentionClock): boolean {
  return clock.period.count === 0 && clock.cutoff === undefined;
}

/** The end of the period `sum` falls in, when the sum went a whole number of periods ahead. */
function futurePeriodEnd(
  clock: Pick<RetentionClock, 'cutoff' | 'period'>,
  sum: CalendarDate,
): CalendarDate | undefined {
  const { cutoff, period } = clock;
  if (cutoff === undefined || period.unit === 'weeks' || period.unit === 'days') return undefined;
  const { year, month } = dayParts(sum);
  if (cutoff.kind === 'month') return dayOf(year, month, 'last');
  const wholeYears = period.unit === 'years' || period.count % 12 === 0;
  return wholeYears ? dayOf(year, cutoff.month, cutoff.day) : undefined;
}
