/**
 * Days, zones and period ends. The only importer of luxon, which brings the zone table and calendar
 * sums. Only days, midnights and instants are used: luxon's answer for a wall clock time that
 * happens twice depends on the current date.
 */

import { DateTime, IANAZone, Settings } from 'luxon';
import { type CalendarDate, dayFromNumber, dayNumber, dayOf, dayParts, LAST_DAY } from './civil.ts';
import { RetentionError } from './errors.ts';
import { type Instant, instantFromMicros, instantMicros } from './instant.ts';
import type { CutoffCalendar, RetentionPeriod } from './schedule.ts';

declare module 'luxon' {
  interface TSSettings {
    throwOnInvalid: true;
  }
}
Settings.throwOnInvalid = true;

const MS_PER_HOUR = 3_600_000;
const MS_PER_DAY = 24 * MS_PER_HOUR;
/** No zone was ever further than this from UTC (Manila before 1844: 15 h 56 min). */
const WIDEST_OFFSET_MS = 16 * MS_PER_HOUR;

/** True for a name of the IANA table, spelt as there: `Europe/London`, `UTC`; never `+01:00`. */
export function isZone(name: string): boolean {
  const spelt = /^(UTC|[A-Z][A-Za-z_-]+(\/[A-Z][A-Za-z0-9_+-]+){1,2})$/.test(name);
  return spelt && IANAZone.isValidZone(name);
}

/** Milliseconds by which the clocks of `zone` are ahead of UTC at an instant. */
export function offsetMs(zone: string, epochMs: number): number {
  return Math.round(zoneNamed(zone).offset(epochMs) * 60_000);
}

/**
 * The first millisecond at which the offset is no longer that of `fromMs`; the offsets of `fromMs`
 * and `toMs` must differ. No zone changed its clocks twice within the two days asked about here.
 */
export function clockChangeMs(zone: string, fromMs: number, toMs: number): number {
  const before = offsetMs(zone, fromMs);
  let [low, high] = [fromMs, toMs];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetMs(zone, middle) === before) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * The first instant at which the clocks of `zone` show this day or a later one: 00:00, or the end of
 * the gap when midnight was skipped, or the start of the next day when the whole day was (Apia,
 * 30 December 2011). Never decreases with the day.
 */
export function startOfDay(zone: string, day: CalendarDate): Instant {
  return instantFromMicros(BigInt(startOfDayMs(zone, dayNumber(day))) * 1000n);
}

/**
 * The latest local day that has begun by this instant. That is the date on the wall, except where
 * clocks went back over midnight (Newfoundland until 2011): there the wall repeats the end of a day
 * after the next has begun, and the later day is taken, so that nothing counts from too early.
 */
export function dayIn(zone: string, instant: Instant): CalendarDate {
  const micros = instantMicros(instant);
  const epochMs = Number((micros - (((micros % 1000n) + 1000n) % 1000n)) / 1000n);
  let day = Math.floor((epochMs + offsetMs(zone, epochMs)) / MS_PER_DAY);
  while (startOfDayMs(zone, day + 1) <= epochMs) day += 1;
  return dayFromNumber(day);
}

/** The last day of the period that contains `day`; the day itself when no calendar is given. */
export function cutoffDay(calendar: CutoffCalendar | undefined, day: CalendarDate): CalendarDate {
  if (calendar === undefined) return day;
  const { year, month } = dayParts(day);
  if (calendar.kind === 'month') return dayOf(year, month, 'last');
  const thisYear = dayOf(year, calendar.month, calendar.day);
  if (day <= thisYear) return thisYear;
  return year === 9999 ? LAST_DAY : dayOf(year + 1, calendar.month, calendar.day);
}

/**
 * `day` plus a period, in one sum, clamped to the end of the month: 31 January + P1M is 28 February,
 * 29 February + P6Y is 28 February. Stops at 9999-12-31.
 */
export function addPeriod(day: CalendarDate, period: RetentionPeriod): CalendarDate {
  const { year, month, day: dayOfMonth } = dayParts(day);
  const sum = DateTime.utc(year, month, dayOfMonth).plus({ [period.unit]: period.count });
  return sum.year > 9999 ? LAST_DAY : dayOf(sum.year, sum.month, sum.day);
}

/** Asking whether a name is a zone costs more than every sum here, so each is asked once. */
const zones = new Map<string, IANAZone>();

function zoneNamed(name: string): IANAZone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  if (!isZone(name)) throw new RetentionError('CONFIG_INVALID', `Unknown time zone "${name}".`);
  const zone = IANAZone.create(name);
  zones.set(name, zone);
  return zone;
}

function startOfDayMs(zone: string, day: number): number {
  const midnight = day * MS_PER_DAY;
  const [from, to] = [midnight - WIDEST_OFFSET_MS, midnight + WIDEST_OFFSET_MS];
  const [before, after] = [offsetMs(zone, from), offsetMs(zone, to)];
  if (before === after) return midnight - before;
  const change = clockChangeMs(zone, from, to);
  if (midnight - before < change) return midnight - before;
  return Math.max(change, midnight - after);
}
