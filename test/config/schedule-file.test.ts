import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatFinding, parseSchedule, scheduleSha256 } from '../../config/schedule-file.ts';
import { scheduleJsonSchema } from '../../config/schedule-json-schema.ts';
import { findingsOf, replaced, VALID } from './valid-schedule.ts';

describe('a valid schedule', () => {
  it('is read without a word', () => {
    const { schedule, findings } = parseSchedule(VALID, 'valid.yaml');
    expect(findings).toEqual([]);
    expect(schedule).toMatchObject({
      organisation: 'Harbour Homes',
      calendars: {
        financial_year: { kind: 'year', month: 3, day: 31 },
        scheme_year: { kind: 'year', month: 2, day: 'last' },
        month: { kind: 'month' },
      },
      stores: { housing: { connectionEnv: 'HOUSING_DATABASE_URL' } },
    });
  });

  it('keeps tables, keys, subjects and references as written', () => {
    const classes = parseSchedule(VALID, 'valid.yaml').schedule?.recordClasses;
    expect(classes?.['customer']).toMatchObject({
      table: { schema: 'public', name: 'customer' },
      subjects: { person: ['id'] },
      references: { contract_customer_id_fkey: 'owned', complaint_customer_id_fkey: 'blocking' },
    });
    expect(classes?.['special_requirement']).toMatchObject({
      key: ['customer_id', 'visit'],
      subjects: { person: ['customer_id'], household: ['household_id', 'former_household_id'] },
    });
    expect(classes?.['call_recording']?.table).toEqual({
      schema: 'telephony',
      name: 'call.recording',
    });
  });

  it('freezes what is held unless the file says otherwise, of a class or of one part', () => {
    const { schedule } = parseSchedule(VALID, 'valid.yaml');
    const { customer, tenancy } = schedule?.recordClasses ?? {};
    expect(customer).toMatchObject({ freeze: 'refuse', partFreeze: {} });
    expect(tenancy).toMatchObject({
      freeze: 'off',
      references: { rent_line_tenancy_id_fkey: 'owned' },
      partFreeze: { rent_line_tenancy_id_fkey: 'refuse-delete-only' },
    });
  });

  it('reads the three kinds of rules, conditions, triggers and dispositions', () => {
    const rules = parseSchedule(VALID, 'valid.yaml').schedule?.rules ?? {};
    expect(rules['special_requirements_6_years']).toMatchObject({
      kind: 'timed',
      cutoff: 'financial_year',
      where: [
        { column: 'kind', op: 'in', values: ['access', 'language'] },
        { column: 'deleted_at', op: 'is_null' },
        { column: 'ended_on', op: 'is_not_null' },
        { column: 'region', op: 'not', value: 'north' },
        { column: 'status', op: 'equals', value: 'closed' },
      ],
      then: { kind: 'anonymise', columns: { note: 'null', title: { constant: 'Removed' } } },
    });
    expect(rules['customer_6_years']).toMatchObject({
      trigger: { kind: 'latest', part: 'contract', column: 'closed_on' },
      keep: { atMost: { iso: 'P6Y3M', unit: 'months', count: 75 } },
    });
    expect(rules['unsubscribed']).toMatchObject({
      trigger: { kind: 'earliest', part: 'public.opt_out', column: 'happened_at' },
    });
    expect(rules['tenancy_history']).toMatchObject({ kind: 'permanent' });
    expect(rules['call_recordings']).toMatchObject({ kind: 'undecided' });
  });

  it('answers where each path stands, and for unknown ones where they would', () => {
    const { locate } = parseSchedule(VALID, 'valid.yaml');
    const lines = VALID.split('\n');
    const at = locate(['rules', 'cctv_30_days', 'keep', 'at_least']);
    expect(lines[at.line - 1]?.slice(at.col - 1)).toMatch(/^P30D/);
    const key = locate(['record_classes', 'tenancy', 'references', 'not_there'], 'key');
    expect(lines[key.line - 1]?.slice(key.col - 1)).toMatch(/^references/);
  });

  it('has an identity of its bytes', () => {
    expect(scheduleSha256('')).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    expect(scheduleSha256(VALID)).not.toBe(scheduleSha256(`${VALID} `));
  });
});

it('the committed JSON Schema is current (npm run schedule:schema)', () => {
  const committed = new URL('../../config/schedule.schema.json', import.meta.url);
  expect(readFileSync(committed, 'utf8')).toBe(scheduleJsonSchema());
});

it('tells all problems of shape and meaning at once, in the order of the text', () => {
  let text = replaced('timezone: Europe/London', 'timezone: Europe/Londn');
  text = replaced('at_least: P30D', 'at_least: PT30D', text);
  text = replaced('    owner: dpo@harbour.example', '    owenr: dpo@harbour.example', text);
  text = replaced('applies_to: mailing_suppressed', 'applies_to: mailing_supressed', text);
  const { schedule, findings } = parseSchedule(text, 'retention.yaml');
  expect(schedule).toBeUndefined();
  expect(findings.map((one) => formatFinding('retention.yaml', one))).toEqual([
    'retention.yaml:4:11  error    ZONE_UNKNOWN        timezone: "Europe/Londn" is not a zone of the IANA table, such as Europe/London. Did you mean "Europe/London"?',
    'retention.yaml:62:23  error    PERIOD_HAS_TIME     rules.cctv_30_days.keep.at_least: "PT30D" has a time part. Periods are whole years, months, weeks or days: P30D.',
    'retention.yaml:65:5  error    KEY_UNKNOWN         rules.cctv_30_days: unknown key "owenr". Did you mean "owner"?',
    'retention.yaml:117:17  error    CLASS_UNKNOWN       rules.suppression_2_years.applies_to: no record class "mailing_supressed" is in this file. Did you mean "mailing_suppressed"?',
  ]);
});

it('never repeats a connection, which may hold a password', () => {
  const text = replaced('env:HOUSING_DATABASE_URL', 'postgres://app:hunter2@db/housing');
  const [finding] = findingsOf(text);
  expect(finding).toMatchObject({ code: 'VALUE_MALFORMED', line: 12, col: 17 });
  expect(JSON.stringify(findingsOf(text))).not.toContain('hunter2');
});

describe('what is no schedule at all', () => {
  it.each([
    ['nothing', '', 'FILE_EMPTY', 1],
    ['comments only', '# later\n', 'FILE_EMPTY', 1],
    ['another encoding', 'format: retain/1\norganisation: H\uFFFDfen\n', 'FILE_NOT_UTF8', 2],
    ['bytes', 'format: \u0000', 'FILE_NOT_UTF8', 1],
    ['a megabyte', `#${'x'.repeat(1024 * 1024)}`, 'FILE_TOO_LARGE', 1],
    ['twenty thousand brackets', `a: ${'['.repeat(20_000)}`, 'FILE_TOO_DEEP', 1],
    ['twenty thousand list marks', `${'- '.repeat(20_000)}x`, 'FILE_TOO_DEEP', 1],
    ['an open quote', 'format: "retain/1\n', 'YAML_MALFORMED', 2],
    ['a tab', 'format:\n\tx: 1\n', 'YAML_MALFORMED', 2],
    ['a list', '- format: retain/1\n', 'TYPE_WRONG', 1],
    ['a word', 'retain\n', 'TYPE_WRONG', 1],
    ['two documents', `${VALID}---\n${VALID}`, 'YAML_FEATURE_REFUSED', 130],
    ['an older YAML', `%YAML 1.1\n---\n${VALID}`, 'YAML_FEATURE_REFUSED', 1],
    ['an anchor', replaced('P35D', '&backups P35D'), 'YAML_FEATURE_REFUSED', 13],
    ['an alias', replaced('P35D', '*backups'), 'YAML_FEATURE_REFUSED', 13],
    ['a tag', replaced('P35D', '!!str P35D'), 'YAML_FEATURE_REFUSED', 13],
    ['a tag on a mapping', replaced('calendars:', 'calendars: !x'), 'YAML_FEATURE_REFUSED', 6],
    [
      'a merge key',
      replaced('    kind: postgres', '    <<: { kind: postgres }'),
      'YAML_FEATURE_REFUSED',
      11,
    ],
    ['a prototype', replaced('calendars:', '__proto__: { x: 1 }\ncalendars:'), 'KEY_UNKNOWN', 5],
  ])('%s', (_name, text, code, line) => {
    const { schedule, findings } = parseSchedule(text, 'x.yaml');
    expect(schedule).toBeUndefined();
    expect(findings[0]).toMatchObject({ code, line, severity: 'error' });
  });
});
