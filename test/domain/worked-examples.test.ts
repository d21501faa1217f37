import { describe, expect, it } from 'vitest';
import { addPeriod } from '../../domain/calendar.ts';
import { type CalendarDate, calendarDate } from '../../domain/civil.ts';
import { firstDestroyable, type RetentionClock } from '../../domain/eligibility.ts';
import { compareInstants, instant } from '../../domain/instant.ts';
import type { CutoffCalendar } from '../../domain/schedule.ts';
import { clock, moment, period } from './builders.ts';

const YEAR_TO: Record<string, CutoffCalendar> = {
  march: { kind: 'year', month: 3, day: 31 },
  tax: { kind: 'year', month: 4, day: 5 },
  september: { kind: 'year', month: 9, day: 30 },
  july: { kind: 'year', month: 7, day: 31 },
  december: { kind: 'year', month: 12, day: 31 },
  february: { kind: 'year', month: 2, day: 'last' },
};

const { march, tax, september, july, december, february } = YEAR_TO;
type Row = [string, string, string, CutoffCalendar | undefined, string | undefined, string, string];

// Number and start of each example: trigger, period, calendar → cutoff, last day kept, first moment.
const EXAMPLES: Row[] = [
  [
    '1 CCTV over the autumn clock change',
    '2026-10-01T14:05:00+01:00',
    'P30D',
    undefined,
    undefined,
    '2026-10-31',
    '2026-11-01T00:00:00Z',
  ],
  [
    '2 CCTV just after local midnight in summer',
    '2026-10-10T00:30:00+01:00',
    'P30D',
    undefined,
    undefined,
    '2026-11-09',
    '2026-11-10T00:00:00Z',
  ],
  [
    '3 CCTV over the spring clock change',
    '2026-03-10T00:30:00Z',
    'P30D',
    undefined,
    undefined,
    '2026-04-09',
    '2026-04-09T23:00:00Z',
  ],
  [
    '4 contract closed on a leap day',
    '2020-02-29',
    'P6Y',
    undefined,
    undefined,
    '2026-02-28',
    '2026-03-01T00:00:00Z',
  ],
  [
    '5 contract closed on 28 February, due in a leap year',
    '2022-02-28',
    'P6Y',
    undefined,
    undefined,
    '2028-02-28',
    '2028-02-29T00:00:00Z',
  ],
  [
    '6 tenancy ended in summer',
    '2026-07-05',
    'P6Y',
    undefined,
    undefined,
    '2032-07-05',
    '2032-07-05T23:00:00Z',
  ],
  [
    '7 tenancy end stamped in UTC on the day before',
    '2026-06-30T23:30:00Z',
    'P6Y',
    undefined,
    undefined,
    '2032-07-01',
    '2032-07-01T23:00:00Z',
  ],
  [
    '8 payment in the last minute of the financial year',
    '2026-03-31T22:59:00Z',
    'P6Y',
    march,
    '2026-03-31',
    '2032-03-31',
    '2032-03-31T23:00:00Z',
  ],
  [
    '9 payment in the first minutes of the next',
    '2026-03-31T23:15:00Z',
    'P6Y',
    march,
    '2027-03-31',
    '2033-03-31',
    '2033-03-31T23:00:00Z',
  ],
  [
    '10 PAYE on the last day of the tax year',
    '2021-04-05',
    'P3Y',
    tax,
    '2021-04-05',
    '2024-04-05',
    '2024-04-05T23:00:00Z',
  ],
  [
    '11 PAYE on the first day of the next',
    '2021-04-06',
    'P3Y',
    tax,
    '2022-04-05',
    '2025-04-05',
    '2025-04-05T23:00:00Z',
  ],
  [
    '12 request closed on the last day of an academic year',
    '2026-09-30',
    'P6Y',
    september,
    '2026-09-30',
    '2032-09-30',
    '2032-09-30T23:00:00Z',
  ],
  [
    '13 request closed on the first day of the next',
    '2026-10-01',
    'P6Y',
    september,
    '2027-09-30',
    '2033-09-30',
    '2033-09-30T23:00:00Z',
  ],
  [
    '14 invoice on the last day of a year to 31 July',
    '2026-07-31',
    'P6Y',
    july,
    '2026-07-31',
    '2032-07-31',
    '2032-07-31T23:00:00Z',
  ],
  [
    '15 invoice on the first day of the next',
    '2026-08-01',
    'P6Y',
    july,
    '2027-07-31',
    '2033-07-31',
    '2033-07-31T23:00:00Z',
  ],
  [
    '16 equality form at the last minute of a calendar year',
    '2026-12-31T23:59:00Z',
    'P1Y',
    december,
    '2026-12-31',
    '2027-12-31',
    '2028-01-01T00:00:00Z',
  ],
  [
    '17 equality form at the first minute of the next',
    '2027-01-01T00:00:00Z',
    'P1Y',
    december,
    '2027-12-31',
    '2028-12-31',
    '2029-01-01T00:00:00Z',
  ],
  [
    '18 applicant told on 31 August, six months',
    '2026-08-31',
    'P6M',
    undefined,
    undefined,
    '2027-02-28',
    '2027-03-01T00:00:00Z',
  ],
  [
    '19 two months from 31 January, added once',
    '2026-01-31',
    'P2M',
    undefined,
    undefined,
    '2026-03-31',
    '2026-03-31T23:00:00Z',
  ],
  [
    '20 child, 25 years',
    '2010-06-15',
    'P25Y',
    undefined,
    undefined,
    '2035-06-15',
    '2035-06-15T23:00:00Z',
  ],
  [
    '21 child born on a leap day, 25 years',
    '2008-02-29',
    'P25Y',
    undefined,
    undefined,
    '2033-02-28',
    '2033-03-01T00:00:00Z',
  ],
  [
    '23 right to rent, a year that ends before a leap day',
    '2027-02-28',
    'P1Y',
    undefined,
    undefined,
    '2028-02-28',
    '2028-02-29T00:00:00Z',
  ],
  [
    '24 asbestos entry on a leap day, due in a leap year',
    '2024-02-29',
    'P40Y',
    undefined,
    undefined,
    '2064-02-29',
    '2064-03-01T00:00:00Z',
  ],
  [
    '25 unsubscribe, at once',
    '2026-11-21T16:20:00Z',
    'P0D',
    undefined,
    undefined,
    '2026-11-21',
    '2026-11-21T16:20:00Z',
  ],
  [
    '26 deed ended on the autumn clock change',
    '2014-10-26',
    'P12Y',
    undefined,
    undefined,
    '2026-10-26',
    '2026-10-27T00:00:00Z',
  ],
  [
    '27 lease due on the spring clock change',
    '2011-03-29',
    'P15Y',
    undefined,
    undefined,
    '2026-03-29',
    '2026-03-29T23:00:00Z',
  ],
  [
    '28 year ending on the last day of February, the later of sum and period end',
    '2022-02-28',
    'P6Y',
    february,
    '2022-02-28',
    '2028-02-29',
    '2028-03-01T00:00:00Z',
  ],
  [
    '29 the seven year equivalent, as a longer period without the calendar',
    '2026-04-01',
    'P7Y',
    undefined,
    undefined,
    '2033-04-01',
    '2033-04-01T23:00:00Z',
  ],
];

describe('the worked examples in Europe/London', () => {
  it.each(EXAMPLES)('%s', (_name, trigger, keep, cutoff, cutoffOn, keptThrough, from) => {
    const answer = firstDestroyable(clock('Europe/London', keep, cutoff), moment(trigger));
    expect(answer).toEqual({
      ...(cutoffOn === undefined ? {} : { cutoff: cutoffOn }),
      keptThrough,
      destroyableFrom: from,
    });
  });

  it('22 the later of two limbs, composed of two answers: a child hurt at 13', () => {
    const fromBirth = firstDestroyable(clock('Europe/London', 'P21Y'), moment('2010-05-10'));
    const fromHarm = firstDestroyable(clock('Europe/London', 'P3Y'), moment('2024-03-01'));
    expect(fromHarm.keptThrough).toBe('2027-03-01');
    expect(fromBirth.keptThrough).toBe('2031-05-10');
    const later = [fromBirth, fromHarm].sort((a, b) =>
      compareInstants(b.destroyableFrom, a.destroyableFrom),
    )[0];
    expect(later?.destroyableFrom).toBe('2031-05-10T23:00:00Z');
  });

  it('30 six years and a buffer of four months, composed of two sums', () => {
    const buffered = addPeriod(addPeriod(calendarDate('2026-07-05'), period('P6Y')), period('P4M'));
    expect(buffered).toBe('2032-11-05');
    expect(firstDestroyable(clock('Europe/London', 'P76M'), moment('2026-07-05'))).toEqual({
      keptThrough: '2032-11-05',
      destroyableFrom: '2032-11-06T00:00:00Z',
    });
  });

  it('are thirty', () => {
    expect(EXAMPLES.length + 2).toBe(30);
  });
});

// Each of the usual shortcuts frees a record early: the twins of the examples above.
describe('shortcuts the examples exist for', () => {
  const london = (keep: string, cutoff?: CutoffCalendar): RetentionClock =>
    clock('Europe/London', keep, cutoff);

  it('counting days in UTC would free example 9 a whole year early', () => {
    const trigger = moment('2026-03-31T23:15:00Z');
    const right = firstDestroyable(london('P6Y', march), trigger).keptThrough;
    const wrong = firstDestroyable(clock('UTC', 'P6Y', march), trigger).keptThrough;
    expect([right, wrong]).toEqual(['2033-03-31', '2032-03-31']);
  });

  it('adding month by month would free example 19 three days early', () => {
    const chained = addPeriod(addPeriod(calendarDate('2026-01-31'), period('P1M')), period('P1M'));
    expect(chained).toBe('2026-03-28' as CalendarDate);
  });

  it('counting hours would free example 2 more than a day early', () => {
    const hours = instant('2026-11-08T23:30:00Z');
    const right = firstDestroyable(london('P30D'), moment('2026-10-10T00:30:00+01:00'));
    expect(compareInstants(hours, right.destroyableFrom)).toBeLessThan(0);
  });

  it('a calendar with P0D still keeps through the end of the period', () => {
    expect(firstDestroyable(london('P0D', march), moment('2026-05-01')).destroyableFrom).toBe(
      '2027-03-31T23:00:00Z',
    );
  });

  it('a month end that is not the last day reaches the end of the future month', () => {
    const answer = firstDestroyable(london('P1M', { kind: 'month' }), moment('2026-02-10'));
    expect(answer).toMatchObject({ cutoff: '2026-02-28', keptThrough: '2026-03-31' });
  });
});
