import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CEILING_PATTERN,
  lengthInDays,
  mayEndBefore,
  PERIOD_PATTERN,
  parseCeiling,
  parsePeriod,
  periodInWords,
} from '../../domain/period.ts';
import { period } from './builders.ts';

describe('the period grammar', () => {
  it.each([
    ['P6Y', 'years', 6, '6 years'],
    ['P1Y', 'years', 1, '1 year'],
    ['P18M', 'months', 18, '18 months'],
    ['P2W', 'weeks', 2, '2 weeks'],
    ['P30D', 'days', 30, '30 days'],
    ['P0D', 'days', 0, 'at once'],
  ])('accepts %s', (iso, unit, count, words) => {
    expect(parsePeriod(iso)).toEqual({ ok: true, period: { iso, unit, count } });
    expect(periodInWords(period(iso))).toBe(words);
  });

  it.each([
    ['PT6M', 'PERIOD_HAS_TIME'],
    ['PT30D', 'PERIOD_HAS_TIME'],
    ['P1DT1H', 'PERIOD_HAS_TIME'],
    ['P1.5Y', 'PERIOD_NOT_WHOLE'],
    ['P1,5Y', 'PERIOD_NOT_WHOLE'],
    ['-P1Y', 'PERIOD_NEGATIVE'],
    ['+P1Y', 'PERIOD_NEGATIVE'],
    ['P-1Y', 'PERIOD_NEGATIVE'],
    ['P1Y2M', 'PERIOD_MIXED'],
    ['P1M1D', 'PERIOD_MIXED'],
    ['P0Y', 'PERIOD_ZERO'],
    ['P0M', 'PERIOD_ZERO'],
    ['P0W', 'PERIOD_ZERO'],
    ['P00D', 'PERIOD_ZERO'],
    ['P06Y', 'PERIOD_MALFORMED'],
    ['p6y', 'PERIOD_MALFORMED'],
    ['P6y', 'PERIOD_MALFORMED'],
    ['', 'PERIOD_MALFORMED'],
    [' ', 'PERIOD_MALFORMED'],
    ['P6Y ', 'PERIOD_MALFORMED'],
    [' P6Y', 'PERIOD_MALFORMED'],
    ['P6Y\n', 'PERIOD_MALFORMED'],
    ['P', 'PERIOD_MALFORMED'],
    ['P6', 'PERIOD_MALFORMED'],
    ['6Y', 'PERIOD_MALFORMED'],
    ['P٦Y', 'PERIOD_MALFORMED'],
    ['6 years', 'PERIOD_MALFORMED'],
    ['P201Y', 'PERIOD_TOO_LONG'],
    ['P99999999999999999999D', 'PERIOD_TOO_LONG'],
  ])('refuses %j with %s', (text, code) => {
    expect(parsePeriod(text)).toMatchObject({ ok: false, code });
    expect(text === 'P1Y2M' ? 'ok' : parseCeiling(text)).not.toMatchObject({ ok: true });
  });

  it('says what was meant when days were written as a time', () => {
    expect(parsePeriod('PT30D')).toMatchObject({
      message: '"PT30D" has a time part. Periods are whole years, months, weeks or days: P30D.',
    });
  });

  it('lets a ceiling join years and months, as whole months', () => {
    expect(parseCeiling('P6Y3M')).toEqual({
      ok: true,
      period: { iso: 'P6Y3M', unit: 'months', count: 75 },
    });
    expect(periodInWords(period('P6Y3M'))).toBe('6 years 3 months');
    for (const text of ['P6Y0M', 'P0Y3M', 'P3M6Y', 'P6Y3D', 'P06Y3M', 'P200Y1M']) {
      expect(parseCeiling(text).ok).toBe(false);
    }
  });

  it('accepts nothing that its published pattern refuses', () => {
    const texts = fc.stringMatching(/^[Pp-]?[0-9.]{0,4}[YMWDTymwd]?[0-9]{0,2}[YMWDH]?$/);
    fc.assert(
      fc.property(texts, (text) => {
        if (parsePeriod(text).ok) expect(text).toMatch(new RegExp(PERIOD_PATTERN));
        if (parseCeiling(text).ok) expect(text).toMatch(new RegExp(CEILING_PATTERN));
      }),
      { numRuns: 5000 },
    );
  });
});

describe('comparing periods', () => {
  it.each([
    ['P6D', 'P6Y', true],
    ['P6Y', 'P6D', false],
    ['P72M', 'P6Y', false],
    ['P6Y', 'P72M', false],
    ['P71M', 'P6Y', true],
    ['P30D', 'P1M', true],
    ['P31D', 'P1M', false],
    ['P1M', 'P30D', true],
    ['P1M', 'P28D', false],
    ['P4W', 'P28D', false],
    ['P365D', 'P1Y', true],
    ['P366D', 'P1Y', false],
  ])('%s may end before %s: %s', (candidate, other, expected) => {
    expect(mayEndBefore(period(candidate), period(other))).toBe(expected);
  });

  it('knows how many days a month or a year can last', () => {
    expect(lengthInDays(period('P1M'))).toEqual({ shortest: 28, longest: 31 });
    expect(lengthInDays(period('P1Y'))).toEqual({ shortest: 365, longest: 366 });
  });
});
