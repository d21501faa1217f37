/**
 * Instants as text with microseconds, as PostgreSQL keeps them. JavaScript's dates stop at
 * milliseconds: an instant that loses its last three digits could let a record go early.
 */

import { type CalendarDate, dayNumber, isoDay, parseCalendarDate } from './civil.ts';
import { RetentionError } from './errors.ts';

declare const instantBrand: unique symbol;

/**
 * RFC 3339 in UTC: `2026-03-01T00:00:00Z`, or with exactly six decimals when they are not zero.
 * Does not compare as text (the fraction may be absent): use `compareInstants`.
 */
export type Instant = string & { readonly [instantBrand]: true };

const MICROS_PER_SECOND = 1_000_000n;
const MICROS_PER_DAY = 86_400n * MICROS_PER_SECOND;
const INSTANT_PATTERN =
  /^(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,6}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

/** Microseconds since 1970-01-01T00:00:00Z. */
export function instantMicros(instant: Instant): bigint {
  const micros = microsOf(instant);
  if (micros === undefined) throw notAnInstant();
  return micros;
}

/** The instant this many microseconds after 1970-01-01T00:00:00Z. */
export function instantFromMicros(micros: bigint): Instant {
  const { day, time, fraction } = splitMicros(micros);
  return `${day}T${time}${fraction === 0n ? '' : `.${pad(fraction, 6)}`}Z` as Instant;
}

/** The instant this many milliseconds after 1970-01-01T00:00:00Z: what a clock of this program says. */
export function instantFromMillis(epochMs: number): Instant {
  return instantFromMicros(BigInt(Math.floor(epochMs)) * 1000n);
}

/** `YYYY-MM-DD HH:mm:ss.ffffff` of a count of microseconds read as a wall clock. */
export function wallText(micros: bigint): string {
  const { day, time, fraction } = splitMicros(micros);
  return `${day} ${time}.${pad(fraction, 6)}`;
}

/**
 * The instant that `text` names: RFC 3339 with `Z` or an offset and at most six decimals. Undefined
 * for anything else: no offset, a leap second, a day that does not exist.
 */
export function parseInstant(text: string): Instant | undefined {
  const micros = microsOf(text);
  return micros === undefined ? undefined : instantFromMicros(micros);
}

/** The instant that `text` names; `USAGE` when it names none. */
export function instant(text: string): Instant {
  const parsed = parseInstant(text);
  if (parsed === undefined) throw notAnInstant();
  return parsed;
}

/** Negative when `a` is before `b`, zero when they are the same instant. */
export function compareInstants(a: Instant, b: Instant): number {
  const difference = instantMicros(a) - instantMicros(b);
  if (difference === 0n) return 0;
  return difference < 0n ? -1 : 1;
}

function microsOf(text: string): bigint | undefined {
  const match = INSTANT_PATTERN.exec(text);
  const day: CalendarDate | undefined = parseCalendarDate(match?.[1] ?? '');
  if (match === null || day === undefined) return undefined;
  const [, , hour, minute, second, fraction = '', sign, offsetHour = '0', offsetMinute = '0'] =
    match;
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  const offset = Number(offsetHour) * 3600 + Number(offsetMinute) * 60;
  const utcSeconds = dayNumber(day) * 86_400 + seconds - (sign === '-' ? -offset : offset);
  return BigInt(utcSeconds) * MICROS_PER_SECOND + BigInt(fraction.padEnd(6, '0'));
}

function splitMicros(micros: bigint): { day: string; time: string; fraction: bigint } {
  const days =
    (micros - (((micros % MICROS_PER_DAY) + MICROS_PER_DAY) % MICROS_PER_DAY)) / MICROS_PER_DAY;
  const inDay = micros - days * MICROS_PER_DAY;
  const seconds = inDay / MICROS_PER_SECOND;
  const time = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n];
  return {
    day: isoDay(Number(days)),
    time: time.map((part) => pad(part, 2)).join(':'),
    fraction: inDay % MICROS_PER_SECOND,
  };
}

function pad(value: bigint, width: number): string {
  return String(value).padStart(width, '0');
}

function notAnInstant(): RetentionError {
  return new RetentionError(
    'USAGE',
    'An instant is written as RFC 3339 with Z or an offset and at most six decimals, for example 2026-03-01T00:00:00Z.',
  );
}
