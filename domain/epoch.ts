/** Epochs: the UTC quarter in which an epoch key is written with, and the day until which it is kept. */
import { addPeriod } from './calendar.ts';
import { type CalendarDate, dayOf } from './civil.ts';
import { RetentionError } from './errors.ts';
import type { RetentionPeriod } from './schedule.ts';

/** One record class in one UTC quarter. */
export interface Epoch {
  /** `customer/2026Q4`. */
  readonly id: string;
  readonly recordClass: string;
  /** `2026Q4`; compares as text. */
  readonly quarter: string;
}

const EPOCH = /^([a-z][a-z0-9_]*)\/(\d{4}Q[1-4])$/;
const QUARTER = /^(\d{4})Q([1-4])$/;

/** The epoch of that id; undefined when it is none. */
export function parseEpoch(id: string): Epoch | undefined {
  const [, recordClass, quarter] = EPOCH.exec(id) ?? [];
  if (recordClass === undefined || quarter === undefined) return undefined;
  return { id, recordClass, quarter };
}

export function isQuarter(text: string): boolean {
  return QUARTER.test(text);
}

/** The quarter of an RFC 3339 UTC instant. Throws `INVARIANT_BROKEN` for other texts. */
export function quarterOf(instant: string): string {
  const [, year, month] = /^(\d{4})-(0[1-9]|1[0-2])-\d{2}T[\d:.]+Z$/.exec(instant) ?? [];
  if (year === undefined || month === undefined) {
    throw new RetentionError('INVARIANT_BROKEN', 'The clock did not answer RFC 3339 in UTC.');
  }
  return `${year}Q${Math.ceil(Number(month) / 3)}`;
}

/**
 * The last day on which the keys of a quarter are kept: the period after the first day that the quarter no
 * longer has. So no key goes before the backups of the quarter's last day have expired, in any zone.
 */
export function destroyAfter(quarter: string, keptFor: RetentionPeriod): CalendarDate {
  const [, year, no] = QUARTER.exec(quarter) ?? [];
  if (year === undefined || no === undefined) {
    throw new RetentionError('INVARIANT_BROKEN', 'That is not a quarter.');
  }
  const next =
    no === '4' ? dayOf(Number(year) + 1, 1, 1) : dayOf(Number(year), Number(no) * 3 + 1, 1);
  return addPeriod(next, keptFor);
}
