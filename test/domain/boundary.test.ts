import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dayIn, startOfDay } from '../../domain/calendar.ts';
import { calendarDate } from '../../domain/civil.ts';
import { boundary, firstDestroyable, type RetentionClock } from '../../domain/eligibility.ts';
import {
  compareInstants,
  type Instant,
  instant,
  instantFromMicros,
  instantMicros,
} from '../../domain/instant.ts';
import type { CutoffCalendar } from '../../domain/schedule.ts';
import { latestInstant, localBoundary, wallClock } from '../../domain/wall-clock.ts';
import { period } from './builders.ts';
import { moments, ODD_ZONES, ZONES } from './moments.ts';

const CALENDARS: (CutoffCalendar | undefined)[] = [
  undefined,
  { kind: 'year', month: 3, day: 31 },
  { kind: 'year', month: 4, day: 5 },
  { kind: 'year', month: 2, day: 'last' },
  { kind: 'month' },
];
const PERIODS = ['P0D', 'P1D', 'P30D', 'P2W', 'P1M', 'P6M', 'P12M', 'P18M', 'P1Y', 'P6Y', 'P40Y'];

const clocks = (zones: string[]): fc.Arbitrary<RetentionClock> =>
  fc
    .tuple(fc.constantFrom(...zones), fc.constantFrom(...CALENDARS), fc.constantFrom(...PERIODS))
    .map(([zone, cutoff, keep]) => ({ zone, cutoff, period: period(keep) }));

/** The moment asked about: random, or within microseconds of the one that matters for the trigger. */
const steps = fc.constantFrom(-1n, 0n, 1n, undefined);
function askedAt(from: Instant, random: Instant, step: bigint | undefined): Instant {
  return step === undefined ? random : instantFromMicros(instantMicros(from) + step);
}

const isBefore = (a: Instant, b: Instant) => compareInstants(a, b) < 0;
const RUNS = { numRuns: 5_000 };

describe('one boundary stands for every trigger', () => {
  it.each([
    ['the zones we promise', ZONES, RUNS],
    ['zones whose clocks go back over midnight', ODD_ZONES, { numRuns: 1_000 }],
  ])(
    'instants: before the boundary exactly when destroyable, in %s',
    (_name, zones, runs) => {
      fc.assert(
        fc.property(clocks(zones), moments, moments, steps, (rule, trigger, random, step) => {
          const { destroyableFrom } = firstDestroyable(rule, { instant: trigger });
          const asOf = askedAt(destroyableFrom, random, step);
          expect(isBefore(trigger, boundary(rule, asOf).instant)).toBe(
            !isBefore(asOf, destroyableFrom),
          );
        }),
        runs,
      );
    },
    120_000,
  );

  it.each([
    ['the zones we promise', ZONES, RUNS],
    ['zones whose clocks go back over midnight', ODD_ZONES, { numRuns: 1_000 }],
  ])(
    'days: before the boundary exactly when destroyable, in %s',
    (_name, zones, runs) => {
      fc.assert(
        fc.property(clocks(zones), moments, moments, steps, (rule, at, random, step) => {
          const day = dayIn('UTC', at);
          const { destroyableFrom } = firstDestroyable(rule, { day });
          const asOf = askedAt(destroyableFrom, random, step);
          expect(day < boundary(rule, asOf).day).toBe(!isBefore(asOf, destroyableFrom));
        }),
        runs,
      );
    },
    120_000,
  );

  it('local readings: nothing before the boundary is destroyed early, whichever way it is read', () => {
    fc.assert(
      fc.property(
        clocks(ZONES),
        fc.constantFrom(...ZONES),
        moments,
        steps,
        (rule, recordedIn, trigger, step) => {
          const reading = wallClock(trigger, recordedIn);
          const latest = latestMeaning(reading, recordedIn);
          expect(latestInstant(reading, recordedIn)).toBe(latest);
          const { destroyableFrom } = firstDestroyable(rule, { instant: latest });
          const asOf = askedAt(destroyableFrom, trigger, step);
          const limit = localBoundary(boundary(rule, asOf).instant, recordedIn);
          if (reading < limit) expect(isBefore(asOf, destroyableFrom)).toBe(false);
          // Far from a change of clocks the reading is as exact as the instant.
          if (!nearChange(boundary(rule, asOf).instant, recordedIn)) {
            expect(reading < limit).toBe(!isBefore(asOf, destroyableFrom));
          }
        },
      ),
      RUNS,
    );
  }, 240_000);

  it('twin: reading the boundary off the wall alone would be early in a repeated hour', () => {
    const first = instant('2026-10-25T00:10:00Z');
    const reading = '2026-10-25 01:05:00.000000';
    expect(latestMeaning(reading, 'Europe/London')).toBe('2026-10-25T01:05:00Z');
    expect(reading < wallClock(first, 'Europe/London')).toBe(true);
    expect(reading < localBoundary(first, 'Europe/London')).toBe(false);
  });
});

describe('the latest meaning of a reading', () => {
  it.each([
    ['an hour that repeats', '2026-10-25 01:30:00', '2026-10-25T01:30:00Z'],
    ['an hour that was skipped', '2026-03-29 01:30:00', '2026-03-29T01:30:00Z'],
    ['summer', '2026-07-01 00:30:00.000001', '2026-06-30T23:30:00.000001Z'],
  ])('%s', (_name, reading, expected) => {
    expect(latestInstant(reading, 'Europe/London')).toBe(expected);
  });
});

describe('local boundaries at clock changes', () => {
  it.each([
    ['before the repeated hour', '2026-10-24T23:59:59.999999Z', '2026-10-25 00:59:59.999999'],
    ['in its first pass', '2026-10-25T00:30:00Z', '2026-10-25 01:00:00.000000'],
    ['at its second pass', '2026-10-25T01:00:00Z', '2026-10-25 01:00:00.000000'],
    ['in its second pass', '2026-10-25T01:30:00Z', '2026-10-25 01:30:00.000000'],
    ['at the start of a gap', '2026-03-29T01:00:00Z', '2026-03-29 01:00:00.000000'],
    ['within the length of a gap', '2026-03-29T01:10:00Z', '2026-03-29 01:10:00.000000'],
    ['after a gap', '2026-03-29T02:00:00Z', '2026-03-29 03:00:00.000000'],
    ['on a summer day', '2026-07-01T00:00:00Z', '2026-07-01 01:00:00.000000'],
  ])('%s: %s is %s', (_name, at, expected) => {
    expect(localBoundary(instant(at), 'Europe/London')).toBe(expected);
  });

  it('keeps every reading of the day that Apia skipped', () => {
    const at = startOfDay('Pacific/Apia', calendarDate('2011-12-31'));
    expect(localBoundary(at, 'Pacific/Apia')).toBe('2011-12-30 00:00:00.000000');
  });
});

/** The latest instant at which clocks of `zone` can have shown `reading`, found by trying offsets. */
function latestMeaning(reading: string, zone: string): Instant {
  const asUtc = instantMicros(instant(`${reading.replace(' ', 'T')}Z`));
  const meanings = [];
  const offsets = new Set([-49n, -26n, 0n, 26n, 49n].map((hours) => ahead(asUtc, hours, zone)));
  for (const offset of offsets) {
    const candidate = instantFromMicros(asUtc - offset);
    if (wallClock(candidate, zone) === reading) meanings.push(candidate);
  }
  const latest = meanings.sort(compareInstants).at(-1);
  if (latest === undefined) throw new Error(`no meaning of ${reading} in ${zone}`);
  return latest;
}

function nearChange(at: Instant, zone: string): boolean {
  return ahead(instantMicros(at), -49n, zone) !== ahead(instantMicros(at), 49n, zone);
}

/** Microseconds the clocks of `zone` are ahead of UTC some hours away from an instant. */
function ahead(micros: bigint, hours: bigint, zone: string): bigint {
  const moved = micros + hours * 3_600_000_000n;
  const shown = wallClock(instantFromMicros(moved), zone).replace(' ', 'T');
  return instantMicros(instant(`${shown}Z`)) - moved;
}
