import { describe, expect, it } from 'vitest';
import { parseSchedule } from '../../config/schedule-file.ts';
import { SCHEDULE_FINDING_CODES } from '../../config/schedule-finding.ts';
import { findingsOf, replaced, VALID } from './valid-schedule.ts';

/** The line on which a text stands in an edited schedule. */
function lineWith(text: string, part: string): number {
  return text.split('\n').findIndex((line) => line.includes(part)) + 1;
}

/** Adds a rule in front of the tests. */
function withRule(rule: string, text = VALID): string {
  return replaced('\ntests:\n', `\n${rule.replace(/^\n/, '')}tests:\n`, text);
}

const SECOND_DELETE = `
  customer_again:
    applies_to: customer
    trigger: { event: contract closed, latest: contract.closed_on }
    keep: { at_least: P7Y }
    then: delete
    authority: A
    owner: B
`;

// What is changed, the code expected, and the text that stands on the line pointed at.
describe('mistakes of meaning', () => {
  it.each([
    [
      'an unknown store',
      replaced('store: housing', 'store: houseing'),
      'STORE_UNKNOWN',
      'houseing',
    ],
    [
      'an unknown class',
      replaced('applies_to: customer', 'applies_to: costumer'),
      'CLASS_UNKNOWN',
      'costumer',
    ],
    [
      'an unknown calendar',
      replaced('cutoff: financial_year', 'cutoff: tax_year'),
      'CALENDAR_UNKNOWN',
      'tax_year',
    ],
    [
      'a test of an unknown rule',
      replaced('{ rule: customer_6_years', '{ rule: customers_6_years'),
      'RULE_UNKNOWN',
      'rule: customers_6',
    ],
    [
      'a test of a rule that never destroys',
      replaced('{ rule: customer_6_years', '{ rule: tenancy_history'),
      'TEST_RULE_NOT_TIMED',
      'rule: tenancy_history',
    ],
    [
      'a test that expects another instant',
      replaced('2026-03-01T00:00:00Z', '2026-02-28T00:00:00Z'),
      'TEST_FAILED',
      '2026-02-28T00',
    ],
    [
      'an offset as a zone',
      replaced('timezone: Europe/London', 'timezone: "+01:00"'),
      'ZONE_UNKNOWN',
      '+01:00',
    ],
    ['a zone in the wrong case', replaced('zone: UTC', 'zone: utc'), 'ZONE_UNKNOWN', 'zone: utc'],
    [
      'at_most below at_least',
      replaced('at_most: P31D', 'at_most: P29D'),
      'AT_MOST_SHORTER',
      'P29D',
    ],
    [
      'a month that may be shorter than 31 days',
      replaced('{ at_least: P30D, at_most: P31D }', '{ at_least: P31D, at_most: P1M }'),
      'AT_MOST_SHORTER',
      'P1M',
    ],
    [
      'epoch keys that go before the backups do',
      replaced('epoch_keys_kept_for: P7Y', 'epoch_keys_kept_for: P34D'),
      'EPOCH_KEYS_SHORTER',
      'P34D',
    ],
    [
      'epoch keys that may go before the backups do, in a short month',
      replaced('epoch_keys_kept_for: P7Y', 'epoch_keys_kept_for: P1M'),
      'EPOCH_KEYS_SHORTER',
      'P1M',
    ],
    [
      'P0D on a delete without intent',
      replaced('at_least: P30D', 'at_least: P0D'),
      'AT_ONCE_MISSING',
      '{ at_least: P0D, at_most: P31D }',
    ],
    [
      'at_once with a period',
      replaced('at_least: P0D', 'at_least: P1D'),
      'AT_ONCE_WITHOUT_P0D',
      'at_once',
    ],
    [
      'a reduction that blanks its trigger',
      replaced('started_on, ended_on]', 'started_on]'),
      'TRIGGER_NOT_KEPT',
      'to: [',
    ],
    [
      'an anonymisation of its trigger',
      replaced('{ note: null,', '{ ended_on: null,'),
      'TRIGGER_NOT_KEPT',
      'columns: {',
    ],
    [
      'an anonymisation of the key',
      replaced('{ note: null,', '{ visit: null,'),
      'KEY_NOT_KEPT',
      'columns: {',
    ],
    [
      'two rules of one class at one stage',
      withRule(SECOND_DELETE),
      'RULES_COLLIDE',
      'customer_again:',
    ],
    [
      'two rules kept apart by nothing',
      replaced('where: { suppressed: true }', 'where: { matched: true }'),
      'RULES_COLLIDE',
      'suppression_2_years:',
    ],
    [
      'one table in two classes without a note',
      replaced('    note: Two views of one list, split by where.\n', ''),
      'TABLE_SHARED',
      'table: public.mailing',
    ],
  ])('%s', (_name, text, code, marked) => {
    const { schedule, findings } = parseSchedule(text, 'retention.yaml');
    expect(schedule).toBeUndefined();
    const found = findings.find((one) => one.code === code);
    expect(found, JSON.stringify(findings)).toMatchObject({ severity: 'error' });
    const marks = text.split('\n').flatMap((line, i) => (line.includes(marked) ? [i + 1] : []));
    expect(marks).toContain(found?.line);
  });

  it('a collision names both places', () => {
    const [found] = findingsOf(withRule(SECOND_DELETE));
    expect(found?.message).toContain(
      `customer_6_years (retention.yaml:${lineWith(VALID, '  customer_6_years:')}:3)`,
    );
  });

  it('twin: where: conditions that cannot both be true keep two rules apart', () => {
    const parted = replaced(
      'trigger: { event: contract closed',
      'where: { kind: retail }\n    trigger: { event: contract closed',
    );
    const second = SECOND_DELETE.replace(
      '    trigger:',
      '    where: { kind: { in: [trade, public] } }\n    trigger:',
    );
    expect(findingsOf(withRule(second, parted))).toEqual([]);
  });

  it('a permanent rule and a deletion of the same records collide; a reduction does not', () => {
    const text = replaced(
      'then: reduce\n    to: [tenant_name, property_id, started_on, ended_on]',
      'then: delete',
    );
    expect(findingsOf(text)).toMatchObject([
      { code: 'RULES_COLLIDE', path: 'rules.tenancy_history' },
    ]);
  });

  it('a class without a rule is a warning, and the schedule stands', () => {
    const text = replaced(
      'rules:\n',
      '  gone: { title: G, store: housing, table: public.gone, key: [id] }\nrules:\n',
    );
    const { schedule, findings } = parseSchedule(text, 'x');
    expect(schedule).toBeDefined();
    expect(findings).toMatchObject([{ code: 'CLASS_WITHOUT_RULE', severity: 'warning' }]);
  });

  it('a broken rule does not make its class look forgotten', () => {
    expect(findingsOf(replaced('at_least: P30D', 'at_least: 30D')).map(({ code }) => code)).toEqual(
      ['PERIOD_MALFORMED'],
    );
  });
});

describe('stages of one class', () => {
  const later = (keep: string, trigger = 'event: tenancy ended, column: ended_on', where = '') => {
    const permanent = VALID.slice(
      VALID.indexOf('  tenancy_history:'),
      VALID.indexOf('  call_recordings:'),
    );
    return withRule(
      `
  tenancy_gone:
    applies_to: tenancy
${where}    trigger: { ${trigger} }
    keep: { at_least: ${keep} }
    then: delete
    authority: A
    owner: B
`,
      replaced(permanent, ''),
    );
  };

  it.each([
    ['due later follows', later('P12Y'), []],
    ['due at the same time follows', later('P6Y'), []],
    ['due earlier is an error', later('P5Y'), ['STAGE_SHORTER']],
    [
      'counting from a column that was blanked is an error',
      later('P12Y', 'event: left, column: left_on'),
      ['STAGE_UNREACHABLE'],
    ],
    [
      'counting from parts that went is an error',
      later('P12Y', 'event: left, latest: rent_line.paid_on'),
      ['STAGE_UNREACHABLE'],
    ],
    [
      'choosing by a column that was blanked is an error',
      later('P12Y', undefined, '    where: { kind: let }\n'),
      ['STAGE_UNREACHABLE'],
    ],
  ])('a deletion after a reduction, %s', (_name, text, codes) => {
    expect(findingsOf(text).map(({ code }) => code)).toEqual(codes);
  });
});

describe('values', () => {
  it.each([
    ['PT6M', 'PERIOD_HAS_TIME'],
    ['P1.5Y', 'PERIOD_NOT_WHOLE'],
    ['-P1Y', 'PERIOD_NEGATIVE'],
    ['P1Y2M', 'PERIOD_MIXED'],
    ['P0Y', 'PERIOD_ZERO'],
    ['p6y', 'PERIOD_MALFORMED'],
    ['" "', 'PERIOD_MALFORMED'],
    ['""', 'PERIOD_MALFORMED'],
    ['6', 'TYPE_WRONG'],
    ['', 'VALUE_BLANK'],
    ['~', 'VALUE_BLANK'],
  ])('at_least: %s is %s', (value, code) => {
    const text = replaced('{ at_least: P24M }', `\n      at_least: ${value}`);
    expect(findingsOf(text)).toMatchObject([
      { code, path: 'rules.suppression_2_years.keep.at_least' },
    ]);
  });

  it.each([
    ['owner: marketing@harbour.example', 'owner: "  "', 'VALUE_BLANK'],
    ['review_every: P5Y', 'review_every: P0D', 'PERIOD_ZERO'],
    ['ends_on: 03-31', 'ends_on: 02-29', 'VALUE_MALFORMED'],
    ['ends_on: 03-31', 'ends_on: 13-01', 'VALUE_MALFORMED'],
    ['ends_on: 03-31', 'ends_on: 31 March', 'VALUE_MALFORMED'],
    ['{ ends: month }', '{ ends: month, ends_on: 03-31 }', 'KEY_CONFLICT'],
    ['{ ends: month }', '{}', 'KEY_MISSING'],
    ['column: recorded_at, zone', 'column: recorded_at, latest: a.b, zone', 'KEY_CONFLICT'],
    ['latest: contract.closed_on', 'latest: closed_on', 'VALUE_MALFORMED'],
    ['latest: contract.closed_on', 'latest: a.b.c.d', 'VALUE_MALFORMED'],
    ['table: public.customer', 'table: customer', 'VALUE_MALFORMED'],
    ['table: public.customer', `table: 'public.a"; drop table x; --'`, 'VALUE_MALFORMED'],
    ['table: public.customer', `table: public.${'x'.repeat(64)}`, 'VALUE_MALFORMED'],
    ['{ in: [access, language] }', '{ in: [] }', 'LIST_EMPTY'],
    ['{ in: [access, language] }', '{ in: [access], not: language }', 'KEY_CONFLICT'],
    ['{ is: not null }', '{ is: empty }', 'TYPE_WRONG'],
    ['status: closed', 'status: 12345678901234567890', 'VALUE_MALFORMED'],
    ['key: [customer_id, visit]', 'key: [customer_id, customer_id]', 'LIST_DOUBLED'],
    ['key: [customer_id, visit]', 'key: []', 'LIST_EMPTY'],
    ['  customer_6_years:\n', '  Customer-6:\n', 'NAME_MALFORMED'],
    ['then: reduce', 'then: reduse', 'VALUE_UNKNOWN'],
    ['keep: indefinitely', 'keep: for ever', 'VALUE_UNKNOWN'],
    ['status: undecided', 'status: decided', 'VALUE_UNKNOWN'],
    ['at_once: true', 'at_once: yes', 'VALUE_UNKNOWN'],
    ['triggered_on: 2020-02-29', 'triggered_on: 2019-02-29', 'VALUE_MALFORMED'],
    ['complaint_customer_id_fkey: blocking', 'complaint_customer_id_fkey: block', 'VALUE_UNKNOWN'],
  ])('%s → %s is %s', (from, to, code) => {
    const findings = findingsOf(replaced(from, to));
    expect(findings.map((one) => one.code)).toContain(code);
    for (const one of findings) expect(Object.keys(SCHEDULE_FINDING_CODES)).toContain(one.code);
  });

  it.each([
    'public."a""; drop table x; --"',
    'public.select',
    'Public.Straße',
    `public.${'x'.repeat(63)}`,
    'public."order details"',
  ])('a hostile table name is only a name: %s', (name) => {
    const text = replaced('table: public.customer', `table: '${name}'`);
    const table = parseSchedule(text, 'x').schedule?.recordClasses['customer']?.table;
    expect(table?.name.length).toBeGreaterThan(0);
  });
});
