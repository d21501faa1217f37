import { describe, expect, it } from 'vitest';
import { describeWhen, scheduleWhen } from '../../app/schedule-when.ts';
import { parseSchedule } from '../../config/schedule-file.ts';
import type { RetentionSchedule } from '../../domain/schedule.ts';
import { VALID } from '../config/valid-schedule.ts';

const schedule = parseSchedule(VALID, 'valid.yaml').schedule as RetentionSchedule;

describe('when a record may go', () => {
  it('answers for a day', () => {
    const answer = scheduleWhen(schedule, 'customer_6_years', '2020-02-29');
    expect(answer).toEqual({
      rule: 'customer_6_years',
      trigger: '2020-02-29',
      cutoff: '2020-02-29',
      keptThrough: '2026-02-28',
      destroyableFrom: '2026-03-01T00:00:00Z',
    });
    expect(describeWhen(schedule, answer)).toEqual([
      'Customer record, 6 years after contract closed (Limitation Act 1980, section 5)',
      '  contract closed        29 Feb 2020',
      '  kept through           28 Feb 2026',
      '  may be destroyed from  1 Mar 2026 00:00 Europe/London  (2026-03-01T00:00:00Z)',
    ]);
  });

  it('answers for an instant with an offset, and shows the period end it counts from', () => {
    const answer = scheduleWhen(
      schedule,
      'special_requirements_6_years',
      '2026-04-01T00:15:00+01:00',
    );
    expect(answer).toMatchObject({
      trigger: '2026-03-31T23:15:00Z',
      cutoff: '2027-03-31',
      destroyableFrom: '2033-03-31T23:00:00Z',
    });
    expect(describeWhen(schedule, answer)).toEqual([
      'Special requirements, 6 years after service ended (Equality Act 2010)',
      '  service ended          1 Apr 2026 00:15 Europe/London',
      '  counts from            31 Mar 2027, end of financial year',
      '  kept through           31 Mar 2033',
      '  may be destroyed from  1 Apr 2033 00:00 Europe/London  (2033-03-31T23:00:00Z)',
    ]);
  });

  it('says at once for P0D, to the microsecond', () => {
    const answer = scheduleWhen(schedule, 'unsubscribed', '2026-11-21T16:20:00.000001Z');
    expect(answer.destroyableFrom).toBe('2026-11-21T16:20:00.000001Z');
    expect(describeWhen(schedule, answer)[0]).toBe(
      'Mailing list, at once after unsubscribed (UK GDPR, article 7(3))',
    );
  });

  it.each([
    ['costumer_6_years', 'Did you mean "customer_6_years"?'],
    ['constructor', 'No rule "constructor"'],
    ['tenancy_history', 'indefinitely'],
    ['call_recordings', 'undecided'],
  ])('refuses rule %s: %s', (rule, said) => {
    expect(() => scheduleWhen(schedule, rule, '2020-01-01')).toThrow(
      expect.objectContaining({ code: 'RULE_UNKNOWN', message: expect.stringContaining(said) }),
    );
  });

  it.each(['', 'yesterday', '2019-02-29', '2020-01-01T00:00:00', '01/02/2020'])(
    'refuses the trigger %j',
    (trigger) => {
      expect(() => scheduleWhen(schedule, 'customer_6_years', trigger)).toThrow(
        expect.objectContaining({ code: 'USAGE' }),
      );
    },
  );
});
