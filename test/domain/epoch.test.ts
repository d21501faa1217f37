import { describe, expect, it } from 'vitest';
import { addPeriod, dayIn } from '../../domain/calendar.ts';
import { destroyAfter, isQuarter, parseEpoch, quarterOf } from '../../domain/epoch.ts';
import { instant } from '../../domain/instant.ts';
import { parsePeriod } from '../../domain/period.ts';

const period = (iso: string) => {
  const read = parsePeriod(iso);
  if (!read.ok) throw new Error(iso);
  return read.period;
};

describe('an epoch', () => {
  it('is a record class in a quarter', () => {
    expect(parseEpoch('customer/2026Q4')).toEqual({
      ...{ id: 'customer/2026Q4', recordClass: 'customer', quarter: '2026Q4' },
    });
  });

  it.each([
    '',
    'customer',
    'customer/2026Q5',
    '../2026Q4',
    'Customer/2026Q4',
    'a/b/2026Q4',
    'a/2026Q4\n',
  ])('is not %j', (id) => expect(parseEpoch(id)).toBeUndefined());

  it.each([
    ['2026-01-01T00:00:00.000000Z', '2026Q1'],
    ['2026-03-31T23:59:59.999999Z', '2026Q1'],
    ['2026-04-01T00:00:00Z', '2026Q2'],
    ['2026-09-30T23:59:59Z', '2026Q3'],
    ['2026-12-31T23:59:59Z', '2026Q4'],
  ])('the quarter of %s is that of UTC', (at, quarter) => {
    expect(quarterOf(at)).toBe(quarter);
    expect(isQuarter(quarter)).toBe(true);
  });

  it.each(['2026-11-21', '2026-11-21T18:23:28+01:00', '', '2026-13-01T00:00:00Z'])(
    'a clock that answers %j has no quarter',
    (at) => expect(() => quarterOf(at)).toThrow(/RFC 3339/),
  );
});

describe('the day after which a key is destroyed', () => {
  it.each([
    ['2026Q4', 'P7Y', '2034-01-01'],
    ['2026Q1', 'P35D', '2026-05-06'],
    ['2026Q2', 'P1M', '2026-08-01'],
    ['2026Q3', 'P2W', '2026-10-15'],
    ['2026Q4', 'P0D', '2027-01-01'],
    ['9999Q4', 'P1Y', '9999-12-31'],
  ])('%s and %s make %s', (quarter, kept, day) => {
    expect(destroyAfter(quarter, period(kept))).toBe(day);
  });

  it('is never before the backups of the last moment of the quarter have expired, in any zone', () => {
    const last = { '2026Q4': '2026-12-31T23:59:59Z', '2028Q1': '2028-03-31T23:59:59Z' };
    for (const [quarter, at] of Object.entries(last)) {
      for (const zone of ['Pacific/Kiritimati', 'Pacific/Apia', 'UTC', 'Pacific/Pago_Pago']) {
        for (const kept of ['P0D', 'P1D', 'P35D', 'P1M', 'P11M', 'P1Y', 'P7Y']) {
          const expires = addPeriod(dayIn(zone, instant(at)), period(kept));
          expect(destroyAfter(quarter, period(kept)) >= expires).toBe(true);
        }
      }
    }
  });
});
