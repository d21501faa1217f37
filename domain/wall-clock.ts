/**
 * Boundaries for `timestamp` columns, which hold a wall clock reading and not an instant: a reading
 * can have happened twice, or never.
 */

import { clockChangeMs, offsetMs } from './calendar.ts';
import { type Instant, instant, instantFromMicros, instantMicros, wallText } from './instant.ts';

/** The longest jump of any zone's clocks was a day (Apia, Manila, Kwajalein); an hour of margin. */
const LONGEST_JUMP_MS = 25 * 3_600_000;

/** What the clocks of `zone` show at an instant: `YYYY-MM-DD HH:mm:ss.ffffff`. */
export function wallClock(at: Instant, zone: string): string {
  const micros = instantMicros(at);
  return wallText(micros + microsAhead(zone, floorMs(micros)));
}

/**
 * The reading `L` of `zone`'s clocks such that a recorded reading `v < L` happened before `at`
 * under every possible interpretation of `v`. One threshold has to serve both kinds of ambiguity, and
 * it errs towards keeping:
 * - an hour that repeats: from inside or before its first pass, a reading in it may belong to the
 *   second pass, after `at`; `L` is then no later than the start of the repeated range;
 * - an hour that was skipped: a reading in it was recorded by a clock that did not change, so for
 *   the length of the gap `L` follows the unchanged clock.
 * Away from clock changes `v < L` holds exactly when `v` happened before `at`.
 */
export function localBoundary(at: Instant, zone: string): string {
  const micros = instantMicros(at);
  const epochMs = floorMs(micros);
  const now = offsetMs(zone, epochMs);
  const readings = [micros + millisToMicros(now)];

  const later = offsetMs(zone, epochMs + LONGEST_JUMP_MS);
  if (later < now) {
    const change = clockChangeMs(zone, epochMs, epochMs + LONGEST_JUMP_MS);
    readings.push(millisToMicros(change + later));
  }
  const earlier = offsetMs(zone, epochMs - LONGEST_JUMP_MS);
  if (earlier < now) {
    const change = clockChangeMs(zone, epochMs - LONGEST_JUMP_MS, epochMs);
    if (epochMs < change + (now - earlier)) readings.push(micros + millisToMicros(earlier));
  }
  return wallText(readings.sort((a, b) => (a < b ? -1 : 1))[0] ?? micros);
}

/**
 * The latest instant a reading of `zone`'s clocks can mean: the second pass of a repeated hour; for a
 * reading that was skipped, what a clock that did not change would have meant. Reading is
 * `YYYY-MM-DD HH:mm:ss` with at most six decimals; `USAGE` for anything else. Agrees with
 * `localBoundary`: a reading below the boundary means an instant before it.
 */
export function latestInstant(reading: string, zone: string): Instant {
  const micros = instantMicros(instant(`${reading.replace(' ', 'T')}Z`));
  const epochMs = floorMs(micros);
  const offsets = [-LONGEST_JUMP_MS, LONGEST_JUMP_MS]
    .map((away) => offsetMs(zone, epochMs + away))
    .sort((a, b) => a - b);
  const meanings = offsets.map((offset) => micros - millisToMicros(offset));
  const shown = meanings.find((at) => at + microsAhead(zone, floorMs(at)) === micros);
  return instantFromMicros(shown ?? meanings[0] ?? micros);
}

function microsAhead(zone: string, epochMs: number): bigint {
  return millisToMicros(offsetMs(zone, epochMs));
}

function millisToMicros(value: number): bigint {
  return BigInt(value) * 1000n;
}

/** Rounds towards the past, also before 1970: the millisecond the instant lies in. */
function floorMs(micros: bigint): number {
  return Number((micros - (((micros % 1000n) + 1000n) % 1000n)) / 1000n);
}
