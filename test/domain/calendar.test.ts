import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dayIn, isZone, startOfDay } from '../../domain/calendar.ts';
import { addDays, calendarDate, dayFromNumber, dayNumber } from '../../domain/civil.ts';
import { firstDestroyable } from '../../domain/eligibility.ts';
import { compareInstants, type Instant, instant } from '../../domain/instant.ts';
import { clock } from './builders.ts';
import { moments, ODD_ZONES, ZONES } from './moments.ts';

const isBefore = (a: Instant, b: Instant) => compareInstants(a, b) < 0;

describe('days and zones', () => {
  it.each([
    [
      'Pacific/Apia',
      '2011-12-30',
      '2011-12-30T10:00:00Z',
      'a skipped day starts where the next does',
    ],
    ['Pacific/Apia', '2011-12-31', '2011-12-30T10:00:00Z', 'the day after it'],
    ['America/Sao_Paulo', '2018-11-04', '2018-11-04T03:00:00Z', 'midnight was skipped'],
    ['Europe/London', '2026-06-01', '2026-05-31T23:00:00Z', 'summer time'],
    ['Europe/London', '1847-12-01', '1847-12-01T00:01:15Z', 'the clock change to GMT that day'],
    ['Australia/Lord_Howe', '2026-04-05', '2026-04-04T13:00:00Z', 'half an hour of summer time'],
  ])('in %s %s starts at %s: %s', (zone, day, expected) => {
    expect(startOfDay(zone, calendarDate(day))).toBe(expected);
  });

  it('a day begins once: dayIn never goes back, and is the day whose start has passed', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES, ...ODD_ZONES), moments, moments, (zone, a, b) => {
        const day = dayIn(zone, a);
        expect(isBefore(a, startOfDay(zone, day))).toBe(false);
        expect(isBefore(a, startOfDay(zone, addDays(day, 1)))).toBe(true);
        const [first, second] = isBefore(a, b) ? [a, b] : [b, a];
        expect(dayIn(zone, first) <= dayIn(zone, second)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  }, 60_000);

  it.each(['+01:00', 'GMT+1', 'europe/london', 'Europe/Londn', '', 'local', 'Etc/Nowhere'])(
    'refuses %j as a zone',
    (name) => {
      expect(isZone(name)).toBe(false);
      if (name !== '') expect(() => startOfDay(name, calendarDate('2026-01-01'))).toThrow(/zone/);
    },
  );

  it('keeps a record whose clock would run past the last day there is', () => {
    const answer = firstDestroyable(clock('UTC', 'P6Y'), { day: calendarDate('9999-12-31') });
    expect(answer.keptThrough).toBe('9999-12-31');
  });

  it('counts day numbers as the calendar does, over 400 years and back', () => {
    fc.assert(
      fc.property(fc.integer({ min: -719_162, max: 2_932_896 }), (number) => {
        expect(dayNumber(dayFromNumber(number))).toBe(number);
        expect(dayFromNumber(number)).toBe(
          new Date(number * 86_400_000).toISOString().slice(0, 10),
        );
      }),
    );
  });
});

describe('instants', () => {
  it.each([
    ['2026-03-01T00:00:00Z', '2026-03-01T00:00:00Z'],
    ['2026-03-01T00:00:00.000Z', '2026-03-01T00:00:00Z'],
    ['2026-03-01T00:00:00.5Z', '2026-03-01T00:00:00.500000Z'],
    ['2026-03-01T00:00:00.000001Z', '2026-03-01T00:00:00.000001Z'],
    ['2026-03-01T00:30:00+01:00', '2026-02-28T23:30:00Z'],
    ['1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999999Z'],
    ['2026-03-01T00:00:00-05:30', '2026-03-01T05:30:00Z'],
  ])('reads %s as %s', (text, expected) => {
    expect(instant(text)).toBe(expected);
  });

  it.each([
    '2026-03-01',
    '2026-03-01T00:00:00',
    '2026-02-30T00:00:00Z',
    '2026-03-01T24:00:00Z',
    '2026-12-31T23:59:60Z',
    '2026-03-01T00:00:00.0000001Z',
    '2026-03-01 00:00:00Z',
    '2026-03-01T00:00:00z',
    '2026-03-01T00:00:00+0100',
    '0000-01-01T00:00:00Z',
    '',
  ])('refuses %j', (text) => {
    expect(() => instant(text)).toThrow(/RFC 3339/);
  });
});
