import { parseCalendarDate } from '../../domain/civil.ts';
import type { RetentionClock, TriggerMoment } from '../../domain/eligibility.ts';
import { instant } from '../../domain/instant.ts';
import { parseCeiling } from '../../domain/period.ts';
import type { CutoffCalendar, RetentionPeriod } from '../../domain/schedule.ts';

/** A period from its text; fails the test when the text is refused. */
export function period(iso: string): RetentionPeriod {
  const result = parseCeiling(iso);
  if (!result.ok) throw new Error(result.message);
  return result.period;
}

export function clock(zone: string, keep: string, cutoff?: CutoffCalendar): RetentionClock {
  return { zone, cutoff, period: period(keep) };
}

/** A day when the text is one, otherwise an instant. */
export function moment(text: string): TriggerMoment {
  const day = parseCalendarDate(text);
  return day === undefined ? { instant: instant(text) } : { day };
}
