import { describe, expect, it } from 'vitest';
import { parseSchedule } from '../../config/schedule-file.ts';
import { shorterThan } from '../../domain/shorter.ts';
import { replaced, VALID } from '../config/valid-schedule.ts';

function changes(next: string, installed = VALID) {
  const [a, b] = [next, installed].map((text) => parseSchedule(text, 'x').schedule);
  if (a === undefined || b === undefined) throw new Error('the schedule is not valid');
  return shorterThan(a, b);
}

const NO_TESTS = VALID.slice(0, VALID.indexOf('tests:'));
const WITHOUT = (from: string, to: string) => replaced(from, to, NO_TESTS);

describe('a schedule that may free records earlier names the rule and what changed', () => {
  it.each([
    [
      'P6D for P6Y',
      '{ event: contract closed, latest: contract.closed_on }\n    keep: { at_least: P6Y',
      '{ event: contract closed, latest: contract.closed_on }\n    keep: { at_least: P6D',
      'customer_6_years',
      'at_least P6Y',
      'at_least P6D',
    ],
    [
      'months for years',
      'keep: { at_least: P24M }',
      'keep: { at_least: P23M }',
      'suppression_2_years',
      'at_least P24M',
      'at_least P23M',
    ],
    [
      'days that may be fewer than the months',
      'keep: { at_least: P24M }',
      'keep: { at_least: P730D }',
      'suppression_2_years',
      'at_least P24M',
      'at_least P730D',
    ],
    [
      'no cutoff',
      '    cutoff: financial_year\n',
      '',
      'special_requirements_6_years',
      'cutoff financial_year {"kind":"year","month":3,"day":31}',
      'no cutoff',
    ],
    [
      'another year end',
      'financial_year: { ends_on: 03-31 }',
      'financial_year: { ends_on: 12-31 }',
      'special_requirements_6_years',
      'cutoff financial_year {"kind":"year","month":3,"day":31}',
      'cutoff financial_year {"kind":"year","month":12,"day":31}',
    ],
    [
      'another trigger',
      'latest: contract.closed_on',
      'earliest: contract.closed_on',
      'customer_6_years',
      'trigger latest contract.closed_on',
      'trigger earliest contract.closed_on',
    ],
    [
      'another zone',
      'column: recorded_at, zone: UTC',
      'column: recorded_at, zone: Pacific/Apia',
      'cctv_30_days',
      'trigger column recorded_at in UTC',
      'trigger column recorded_at in Pacific/Apia',
    ],
    [
      'a condition less',
      '      status: closed\n',
      '',
      'special_requirements_6_years',
      'where status is closed',
      'where kind in access, language and deleted_at is null and ended_on is not null and region is not north',
    ],
    [
      'a wider condition',
      '{ in: [access, language] }',
      '{ in: [access, language, faith] }',
      'special_requirements_6_years',
      'where kind in access, language',
      'where kind in access, language, faith and deleted_at is null and ended_on is not null and region is not north and status is closed',
    ],
    [
      'fewer columns kept',
      'to: [tenant_name, property_id,',
      'to: [property_id,',
      'tenancy_file_6_years',
      'reduce keeps tenant_name',
      'does not',
    ],
    [
      'a complaint that no longer blocks',
      'complaint_customer_id_fkey: blocking',
      'complaint_customer_id_fkey: owned',
      'customer_6_years',
      'complaint_customer_id_fkey blocking',
      'complaint_customer_id_fkey owned',
    ],
    [
      'a subject no hold finds',
      'household: [household_id, former_household_id]',
      'household: [household_id]',
      'special_requirements_6_years',
      'subject household in former_household_id',
      'not a subject',
    ],
  ])('%s', (_name, from, to, rule, before, after) => {
    expect(changes(WITHOUT(from, to), NO_TESTS)).toEqual([{ rule, from: before, to: after }]);
  });

  it('a permanent rule that becomes a deletion', () => {
    const start = NO_TESTS.indexOf('  tenancy_history:');
    const end = NO_TESTS.indexOf('  call_recordings:');
    const gone = NO_TESTS.slice(0, start) + NO_TESTS.slice(end);
    const deletes = gone.replace(/then: reduce\n.*\n/, 'then: delete\n');
    expect(changes(deletes, NO_TESTS)).toEqual([
      {
        rule: 'tenancy_file_6_years',
        from: 'reduce; keep indefinitely (tenancy_history)',
        to: 'delete; delete after P6Y',
      },
    ]);
  });

  it('a rule under a new name is compared with the one it replaces', () => {
    const text = NO_TESTS.replace('  suppression_2_years:', '  suppression:').replace(
      'P24M',
      'P1D',
    );
    expect(changes(text, NO_TESTS)).toEqual([
      { rule: 'suppression', from: 'at_least P24M (suppression_2_years)', to: 'at_least P1D' },
    ]);
  });

  it('another time zone touches every rule that runs', () => {
    expect(changes(WITHOUT('timezone: Europe/London', 'timezone: UTC'), NO_TESTS)).toHaveLength(6);
  });
});

describe('a schedule that can only keep longer names nothing', () => {
  it.each([
    ['the same', 'P30D', 'P30D'],
    ['a longer period', '{ at_least: P24M }', '{ at_least: P3Y }'],
    ['the same length in another unit', '{ at_least: P24M }', '{ at_least: P2Y }'],
    ['latest for earliest', 'earliest: public.opt_out', 'latest: public.opt_out'],
    [
      'a new condition',
      'applies_to: cctv_recording',
      'applies_to: cctv_recording\n    where: { kept: false }',
    ],
    ['a narrower condition', '{ in: [access, language] }', 'access'],
    ['a new cutoff', 'applies_to: cctv_recording', 'applies_to: cctv_recording\n    cutoff: month'],
    [
      'a milder disposition',
      'then: anonymise\n    columns: { note: null, title: { constant: Removed } }',
      'then: anonymise\n    columns: { note: null }',
    ],
    [
      'a reference that blocks now',
      'contract_customer_id_fkey: owned',
      'contract_customer_id_fkey: blocking',
    ],
    ['other words', 'event: recorded', 'event: was recorded'],
  ])('%s', (_name, from, to) => {
    expect(changes(WITHOUT(from, to), NO_TESTS)).toEqual([]);
  });
});
