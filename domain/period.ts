/**
 * The grammar of retention periods: whole, positive, calendar units, never a time part. Our own,
 * because libraries read `PT6M` as six minutes and accept `-P1Y`.
 */

import { dayNumberOf, daysInMonth } from './civil.ts';
import type { RetentionPeriod } from './schedule.ts';

export type PeriodProblem =
  | 'PERIOD_HAS_TIME'
  | 'PERIOD_NOT_WHOLE'
  | 'PERIOD_NEGATIVE'
  | 'PERIOD_MIXED'
  | 'PERIOD_ZERO'
  | 'PERIOD_TOO_LONG'
  | 'PERIOD_MALFORMED';

export type PeriodResult =
  | { readonly ok: true; readonly period: RetentionPeriod }
  | { readonly ok: false; readonly code: PeriodProblem; readonly message: string };

/** One unit; what `parsePeriod` accepts. */
export const PERIOD_PATTERN = '^P(0D|[1-9][0-9]*[YMWD])$';
/** One unit, or years and months together; what `parseCeiling` accepts. */
export const CEILING_PATTERN = '^P(0D|[1-9][0-9]*[YMWD]|[1-9][0-9]*Y[1-9][0-9]*M)$';

const UNIT = { Y: 'years', M: 'months', W: 'weeks', D: 'days' } as const;
/** 200 years in each unit. Longer is a mistake or `keep: indefinitely`; sums stay within year 9999. */
const LONGEST = { years: 200, months: 2400, weeks: 10_436, days: 73_049 } as const;
const ADVICE = 'Periods are whole years, months, weeks or days, such as P6Y, P18M or P30D.';

/** Reads a period of exactly one unit. `P0D` means at once; every other zero is refused. */
export function parsePeriod(text: string): PeriodResult {
  const match = /^P(\d+)([YMWD])$/.exec(text);
  if (match === null) return refused(text, diagnose(text));
  const unit = UNIT[match[2] as keyof typeof UNIT];
  return bounded(text, unit, Number(match[1]), match[1] ?? '');
}

/**
 * Reads a period that only alarms, such as `at_most`: one unit, or years and months together
 * (`P6Y3M`), which are 75 months exactly: both are added in one sum and clamped once.
 */
export function parseCeiling(text: string): PeriodResult {
  const match = /^P([1-9]\d*)Y([1-9]\d*)M$/.exec(text);
  if (match === null) return parsePeriod(text);
  return bounded(text, 'months', Number(match[1]) * 12 + Number(match[2]), match[1] ?? '');
}

/** A period for people: `6 years`, `1 month`, `6 years 3 months`; `P0D` is `at once`. */
export function periodInWords(period: RetentionPeriod): string {
  if (period.count === 0) return 'at once';
  const parts = [...period.iso.matchAll(/(\d+)([YMWD])/g)].map((match) => {
    const unit = UNIT[match[2] as keyof typeof UNIT];
    return `${match[1]} ${match[1] === '1' ? unit.slice(0, -1) : unit}`;
  });
  return parts.join(' ');
}

/** True when for some trigger `candidate` ends before `other` does. */
export function mayEndBefore(candidate: RetentionPeriod, other: RetentionPeriod): boolean {
  const [a, b] = [inMonths(candidate), inMonths(other)];
  if (a !== undefined && b !== undefined) return a < b;
  return lengthInDays(candidate).shortest < lengthInDays(other).longest;
}

/** How many days the period can last, over every day it could start on. */
export function lengthInDays(period: RetentionPeriod): { shortest: number; longest: number } {
  const months = inMonths(period);
  if (months === undefined) {
    const days = period.count * (period.unit === 'weeks' ? 7 : 1);
    return { shortest: days, longest: days };
  }
  const lengths = monthLengths(months);
  return { shortest: Math.min(...lengths), longest: Math.max(...lengths) };
}

/**
 * Lengths of `months` months over the 400 years after which the calendar repeats, from the first of
 * a month (longest: nothing is clamped) and from its last day (shortest: clamped most).
 */
function monthLengths(months: number): number[] {
  return Array.from({ length: 4800 }, (_, index) => {
    const from = { year: 2000 + Math.floor(index / 12), month: (index % 12) + 1 };
    const to = {
      year: 2000 + Math.floor((index + months) / 12),
      month: ((index + months) % 12) + 1,
    };
    const last = daysInMonth(from.year, from.month);
    const clamped = Math.min(last, daysInMonth(to.year, to.month));
    return [
      dayNumberOf(to.year, to.month, 1) - dayNumberOf(from.year, from.month, 1),
      dayNumberOf(to.year, to.month, clamped) - dayNumberOf(from.year, from.month, last),
    ];
  }).flat();
}

function inMonths(period: RetentionPeriod): number | undefined {
  if (period.unit === 'years') return period.count * 12;
  if (period.unit === 'months') return period.count;
  return undefined;
}

function bounded(
  iso: string,
  unit: RetentionPeriod['unit'],
  count: number,
  digits: string,
): PeriodResult {
  if (count === 0 && iso !== 'P0D') return refused(iso, 'PERIOD_ZERO');
  if (count > 0 && digits.startsWith('0')) return refused(iso, 'PERIOD_MALFORMED');
  if (count > LONGEST[unit]) return refused(iso, 'PERIOD_TOO_LONG');
  return { ok: true, period: { iso, unit, count } };
}

function diagnose(text: string): PeriodProblem {
  if (/^[-+]|P-/i.test(text)) return 'PERIOD_NEGATIVE';
  if (/^P[\dYMWD.,]*T/i.test(text)) return 'PERIOD_HAS_TIME';
  if (/^P\d+[.,]\d+[YMWD]$/i.test(text)) return 'PERIOD_NOT_WHOLE';
  if (/^P(\d+[YMWD]){2,}$/.test(text)) return 'PERIOD_MIXED';
  return 'PERIOD_MALFORMED';
}

function refused(text: string, code: PeriodProblem): PeriodResult {
  return { ok: false, code, message: `${JSON.stringify(text)} ${why(text, code)}` };
}

function why(text: string, code: PeriodProblem): string {
  switch (code) {
    case 'PERIOD_HAS_TIME': {
      const meant = /^PT(\d+)([YMWD])$/.exec(text);
      const advice = 'Periods are whole years, months, weeks or days';
      return `has a time part. ${advice}${meant ? `: P${meant[1]}${meant[2]}.` : '.'}`;
    }
    case 'PERIOD_NOT_WHOLE':
      return `is not a whole number. ${ADVICE}`;
    case 'PERIOD_NEGATIVE':
      return `has a sign. ${ADVICE}`;
    case 'PERIOD_MIXED':
      return `mixes units. A period has one unit (P1Y2M is P14M); only at_most may join years and months.`;
    case 'PERIOD_ZERO':
      return 'is no time at all. If the record goes at once, write P0D.';
    case 'PERIOD_TOO_LONG':
      return 'is longer than 200 years. For ever is written keep: indefinitely.';
    case 'PERIOD_MALFORMED':
      return `is not a period. ${ADVICE}`;
  }
}
