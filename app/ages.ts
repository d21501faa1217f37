/** How long ago something was, for people. */
import { RetentionError } from '../domain/errors.ts';

export const MINUTE_S = 60;
export const HOUR_S = 3_600;
export const DAY_S = 86_400;

/**
 * Seconds since an instant. Throws `CLOCK_SKEW` when it lies more than a minute ahead: by such a clock
 * nothing has an age.
 */
export function ageOf(what: string, atMs: number, nowMs: number): number {
  const seconds = (nowMs - atMs) / 1_000;
  if (seconds >= -MINUTE_S) return Math.max(0, seconds);
  throw new RetentionError(
    'CLOCK_SKEW',
    `${what} lies ${spanOf(-seconds)} ahead of this machine's clock. Set the clock that is wrong.`,
  );
}

/** `5 s`, `90 min`, `30 h`. */
export function spanOf(seconds: number): string {
  if (seconds < 2 * MINUTE_S) return `${Math.round(seconds)} s`;
  if (seconds < 2 * HOUR_S) return `${Math.round(seconds / MINUTE_S)} min`;
  return `${Math.round(seconds / HOUR_S)} h`;
}
