/**
 * Civil days as text, and the arithmetic on them that needs no time zone. No library, no clock.
 */

import { RetentionError } from './errors.ts';

declare const dayBrand: unique symbol;

/** A day of the proleptic Gregorian calendar, `YYYY-MM-DD`, years 0001 to 9999: compares as text. */
export type CalendarDate = string & { readonly [dayBrand]: true };

/** The last day Retain can name. Sums beyond it stop here, so a far future date is kept, not an error. */
export const LAST_DAY = '9999-12-31' as CalendarDate;

const FIRST_DAY_NUMBER = dayNumberOf(1, 1, 1);
const LAST_DAY_NUMBER = dayNumberOf(9999, 12, 31);
const DAY_PATTERN = /^(\d{4})-(\d{2})-(\d{2})$/;

/** Days since 1970-01-01 of a year, month (1 to 12) and day of month. Hinnant, `days_from_civil`. */
export function dayNumberOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146097 + dayOfEra - 719468;
}

/** Days in a month, `month` 1 to 12. */
export function daysInMonth(year: number, month: number): number {
  const next = month === 12 ? dayNumberOf(year + 1, 1, 1) : dayNumberOf(year, month + 1, 1);
  return next - dayNumberOf(year, month, 1);
}

/** `YYYY-MM-DD` of a day number, also outside the years Retain accepts. Hinnant, `civil_from_days`. */
export function isoDay(dayNumber: number): string {
  const z = dayNumber + 719468;
  const era = Math.floor(z / 146097);
  const dayOfEra = z - era * 146097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36524) -
      Math.floor(dayOfEra / 146096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted + (shifted < 10 ? 3 : -9);
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
}

/** Year, month (1 to 12) and day of month. */
export function dayParts(day: CalendarDate): { year: number; month: number; day: number } {
  return {
    year: Number(day.slice(0, 4)),
    month: Number(day.slice(5, 7)),
    day: Number(day.slice(8, 10)),
  };
}

/** Days since 1970-01-01. */
export function dayNumber(day: CalendarDate): number {
  const parts = dayParts(day);
  return dayNumberOf(parts.year, parts.month, parts.day);
}

/** The day with this number, held within the years 0001 to 9999. */
export function dayFromNumber(value: number): CalendarDate {
  const held = Math.min(Math.max(value, FIRST_DAY_NUMBER), LAST_DAY_NUMBER);
  return isoDay(held) as CalendarDate;
}

/** The day `count` days later (earlier when negative), held within the years 0001 to 9999. */
export function addDays(day: CalendarDate, count: number): CalendarDate {
  return dayFromNumber(dayNumber(day) + count);
}

/** A day from its parts; a day of month that does not exist becomes the month's last. */
export function dayOf(year: number, month: number, day: number | 'last'): CalendarDate {
  const last = daysInMonth(year, month);
  return dayFromNumber(dayNumberOf(year, month, day === 'last' ? last : Math.min(day, last)));
}

/** The day that `text` names, or undefined when it is not `YYYY-MM-DD` or no such day exists. */
export function parseCalendarDate(text: string): CalendarDate | undefined {
  const match = DAY_PATTERN.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (year < 1 || month < 1 || month > 12 || day < 1) return undefined;
  return day <= daysInMonth(year, month) ? (text as CalendarDate) : undefined;
}

/** The day that `text` names; `USAGE` when it names none. */
export function calendarDate(text: string): CalendarDate {
  const day = parseCalendarDate(text);
  if (day === undefined) {
    throw new RetentionError('USAGE', 'A day is written YYYY-MM-DD, and it must exist.');
  }
  return day;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A day for people: `29 Feb 2020`. */
export function dayInWords(day: CalendarDate): string {
  const parts = dayParts(day);
  return `${parts.day} ${MONTHS[parts.month - 1] ?? ''} ${parts.year}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
