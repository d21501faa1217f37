import { expect, test } from 'vitest';
import type { CompletenessReport } from '../../app/completeness.ts';
import type { HoldReceipt } from '../../app/hold-receipt.ts';
import { groupKeys, namedKey } from '../../cli/arguments.ts';
import { exitCodeOf } from '../../cli/exit-codes.ts';
import { completenessSentence } from '../../cli/output/completeness.ts';
import { csv } from '../../cli/output/csv.ts';
import { receiptLines } from '../../cli/output/hold.ts';
import { makePaint, wantsColour } from '../../cli/output/paint.ts';
import { approvalSentence, planLines } from '../../cli/output/plan.ts';
import { barLines, plainLine, stepTimer } from '../../cli/output/progress.ts';
import { counted, duration, rowNoun } from '../../cli/output/words.ts';
import { findingLines } from '../../cli/schedule-source.ts';
import { parseSchedule } from '../../config/schedule-file.ts';
import { RetentionError } from '../../domain/errors.ts';
import type { PlanDocument, PlanStep } from '../../domain/plan.ts';

const step = (overrides: Partial<PlanStep>): PlanStep => ({
  recordClass: 'cctv_recording',
  title: 'CCTV images',
  rule: 'cctv_30_days',
  ruleText: '30 days after recorded',
  authority: 'CCTV notice, section 4',
  action: 'delete',
  tables: ['"public"."cctv_recording"'],
  boundary: '2026-10-22T23:00:00Z',
  counts: { due: 61_204, held: 0, blocked: 0, changed: 0, destroys: 61_204 },
  oldestTrigger: '2026-09-21',
  newestTrigger: '2026-10-22',
  oldestDestroyableFrom: '2026-09-21T23:00:00Z',
  overdueDays: 29,
  parts: {},
  schemaSha256: '',
  statementsSha256: '',
  plannedKeysSha256: null,
  ...overrides,
});

const PLAN: PlanDocument = {
  format: 'retain-plan/1',
  run: '7f3a0000-0000-4000-8000-000000000000',
  organisation: 'Harbour Homes',
  store: 'housing',
  database: 'housing',
  schedule: { version: 7, sha256: '' },
  timezone: 'Europe/London',
  zoneDatabase: '2026a',
  asOf: '2026-11-21T23:10:00Z',
  plannedAt: '2026-11-21T23:10:00Z',
  expiresAt: '2026-11-28T23:10:00Z',
  requestedBy: 'amira',
  t0: '1',
  holdVersion: 0,
  steps: [
    step({}),
    step({
      title: 'Customer record',
      rule: 'customer_6_years',
      counts: { due: 1_873, held: 12, blocked: 31, changed: 0, destroys: 1_830 },
      oldestDestroyableFrom: '2026-01-14T00:00:00Z',
      overdueDays: 0,
      parts: { '"public"."contract"': 4_911, '"public"."note"': 1, '"public"."newsletter"': 14 },
    }),
    step({
      title: 'Tenancy file',
      rule: 'tenancy_file_6_years',
      action: 'reduce',
      counts: { due: 2_118, held: 9, blocked: 0, changed: 0, destroys: 2_109 },
      oldestDestroyableFrom: '2025-11-30T00:00:00Z',
      overdueDays: null,
    }),
  ],
  reach: { class: ['customer'], subject: [] },
  notRun: [{ rule: 'calls', recordClass: 'call_recording', why: 'undecided: no period yet' }],
};
const DIGEST = `sha256:${'91cc4e'.padEnd(64, '0')}`;

test('a plan says what would go, what stays, what goes along, and what to do next', () => {
  const lines = planLines({
    document: PLAN,
    digest: DIGEST,
    unlinked: new Set(['"public"."newsletter"']),
  });
  expect(`\n${lines.join('\n')}\n`).toMatchInlineSnapshot(`
    "
    Harbour Homes · housing · schedule version 7 · as of 21 Nov 2026 23:10 GMT

      record class     rule                  do         due  held  blocked  changed  destroys  oldest due
      CCTV images      cctv_30_days          delete  61,204     0        0        0    61,204  22 Sep 2026  OVERDUE 29 days
      Customer record  customer_6_years      delete   1,873    12       31        0     1,830  14 Jan 2026
      Tenancy file     tenancy_file_6_years  reduce   2,118     9        0        0     2,109  30 Nov 2025
      goes with them: 4,911 contracts, 1 note
      stays, unlinked from them: 14 newsletters
      not run: call recording (undecided: no period yet)
      statements and digests: retain run show 7f3a --sql

    Plan: 63,034 to delete, 2,109 to reduce, 21 held, 31 blocked, 0 changed. Plan 7f3a-91cc, good until 28 Nov 2026 23:10 GMT.
    Next: another person runs  retain run approve 7f3a
    "
  `);
});

test('an approval is asked for in numbers of records', () => {
  expect(approvalSentence(PLAN)).toBe(
    'You approve the destruction of 63,034 records and the reduction of 2,109, requested by amira.',
  );
});

test('a plan that destroys nothing does not ask for an approval', () => {
  const nothing = step({ counts: { due: 3, held: 3, blocked: 0, changed: 0, destroys: 0 } });
  const lines = planLines({
    document: { ...PLAN, steps: [nothing] },
    digest: DIGEST,
    unlinked: new Set(),
  });
  expect(lines.at(-1)).toBe('Nothing would go, so there is nothing to approve.');
});

const REPORT: CompletenessReport = {
  counted: true,
  steps: [
    {
      step: 1,
      rule: 'cctv_30_days',
      recordClass: 'cctv_recording',
      due: 61_204,
      destroyed: 61_203,
      held: 1,
      blocked: 0,
      changed: 0,
      freed: 0,
      left: 0,
      gone: 0,
      arrived: 0,
      finished: true,
    },
    {
      step: 2,
      rule: 'customer_6_years',
      recordClass: 'customer',
      due: 1_873,
      destroyed: 1_830,
      held: 12,
      blocked: 31,
      changed: 0,
      freed: 0,
      left: 0,
      gone: 0,
      arrived: 0,
      finished: true,
    },
    {
      step: 3,
      rule: 'tenancy_file_6_years',
      recordClass: 'tenancy',
      due: 2_118,
      destroyed: 2_109,
      held: 9,
      blocked: 0,
      changed: 0,
      freed: 0,
      left: 0,
      gone: 0,
      arrived: 0,
      finished: true,
    },
  ],
};

test('a completed run accounts for every due record', () => {
  expect(completenessSentence(PLAN, REPORT, 'completed', 9_000)).toBe(
    'Done in 9 s: 63,033 deleted, 2,109 reduced, 22 held, 31 blocked, 0 changed. Every due record is accounted for.',
  );
});

test('a run that left something says so, and an uncounted one claims nothing', () => {
  const [first, ...others] = REPORT.steps;
  const left = { ...REPORT, steps: [{ ...first!, destroyed: 61_103, left: 100 }, ...others] };
  expect(completenessSentence(PLAN, left, 'incomplete', 9_000)).toContain(
    '100 left. NOT COMPLETE: 100 planned records are still there.',
  );
  const uncounted = { ...REPORT, counted: false };
  expect(completenessSentence(PLAN, uncounted, 'incomplete', 9_000)).not.toContain('accounted for');
});

test('findings of a schedule stand in columns with their places', () => {
  const text = 'format: retain/1\norganisation: ""\ntimezone: Europe/Lundon\nrules: 7\n';
  const { findings } = parseSchedule(text, 'retention.yaml');
  const lines = findingLines({ paint: makePaint(false) }, 'retention.yaml', findings);
  expect(
    lines.every((line) => /^retention\.yaml:\d+:\d+ +(error|warning) +[A-Z_]+ +\S/.test(line)),
  ).toBe(true);
  expect(new Set(lines.map((line) => line.search(/ (error|warning) /))).size).toBe(1);
});

test('bars show share, rate and remaining time; a finished step its duration', () => {
  const timer = stepTimer();
  const cctv = { title: 'CCTV images', planned: 61_204, destroyed: 0, finished: false };
  const customers = { title: 'Customer record', planned: 1_830, destroyed: 0, finished: false };
  timer([cctv, customers], 0);
  const done = { ...cctv, destroyed: 61_204, finished: true };
  timer([done, customers], 2_000);
  const later = [done, { ...customers, destroyed: 1_012 }];
  expect(barLines(later, timer(later, 3_000), 3_000)).toEqual([
    'CCTV images      ████████████████████  61,204 of 61,204  done in 2 s',
    'Customer record  ███████████░░░░░░░░░   1,012 of  1,830  1,012/s · 808 ms left',
  ]);
  // Whoever comes late has seen no beginning, so no rate is claimed.
  expect(barLines(later, stepTimer()(later, 3_000), 3_000)).toEqual([
    'CCTV images      ████████████████████  61,204 of 61,204  done',
    'Customer record  ███████████░░░░░░░░░   1,012 of  1,830',
  ]);
  expect(plainLine(later)).toBe(
    'CCTV images: 61,204 of 61,204, finished; Customer record: 1,012 of 1,830',
  );
});

test('a receipt names what the hold came too late for, or that this is not known', () => {
  const receipt: HoldReceipt = {
    ...{ hold: 'H-31', store: 'housing', zone: 'Europe/London', matter: 'HH-2026-014' },
    ...{ reason: 'litigation', because: 'letter before claim', placedBy: 'dora' },
    ...{ placedAt: '2026-11-21T23:12:07.301000Z', effectiveAt: '2026-11-21T23:12:07.318000Z' },
    ...{ frozenAt: null, notFrozen: [{ table: 'public.tenancy', freeze: 'off' }] },
    waitsFor: [
      {
        ...{ pid: 4711, prepared: null, application: 'rents' },
        since: '2026-11-21T22:58:00.000000Z',
      },
    ],
    ...{ reviewOn: '2027-02-21', releasedAt: null, notes: [] },
    covers: [
      { table: 'public.customer', rows: 1 },
      { table: 'public.tenancy', rows: 2 },
      { table: 'public.contract', rows: 0 },
    ],
    tooLate: [
      {
        recordClass: 'cctv_recording',
        key: ['7'],
        action: 'delete',
        run: PLAN.run,
        batch: 'b',
        batchNo: 3,
        executedAt: '2026-11-21T23:12:05.000000Z',
      },
    ],
  };
  expect(`\n${receiptLines(receipt).join('\n')}\n`).toMatchInlineSnapshot(`
    "
    Hold H-31 on matter HH-2026-014 is in force.
      placed        21 Nov 2026 23:12:07.301 by dora
      effective     21 Nov 2026 23:12:07.318 in housing: from this instant no run destroys what it covers
      covers        1 customer and 2 tenancies, and what arrives later
      frozen        not yet: waits for 1 transaction older than the hold to end
                    session 4711 (rents), open since 21 Nov 2026 22:58:00.000
      not frozen    public.tenancy (not at all)
      too late for  cctv recording 7, destroyed 23:12:05.000 by run 7f3a (batch 3)
      reason        litigation: letter before claim
      review        21 Feb 2027
    "
  `);
  const unknown = receiptLines({ ...receipt, tooLate: null, notes: ['no key is here'] }).join('\n');
  expect(unknown).toContain('too late for  not known, see the note');
  expect(receiptLines({ ...receipt, tooLate: [] }).join('\n')).not.toContain('too late');
});

test('a spreadsheet gets RFC 4180, and never a formula', () => {
  expect(
    csv([
      ['a', 1],
      ['say "x", y', 'two\nlines'],
    ]),
  ).toBe('a,1\r\n"say ""x"", y","two\nlines"\r\n');
  for (const begin of ['=', '+', '-', '@', '\t', '\r']) {
    expect(csv([[`${begin}1+1`]]).replaceAll('"', '')).toBe(`'${begin}1+1\r\n`);
  }
  expect(csv([['plain-text', 'a=b']])).toBe('plain-text,a=b\r\n');
});

test('colour only where somebody sees it, unless it is forced; NO_COLOR is obeyed', () => {
  const having = (variables: Record<string, string>) => (name: string) => variables[name];
  expect(wantsColour(having({}), true)).toBe(true);
  expect(wantsColour(having({}), false)).toBe(false);
  expect(wantsColour(having({ NO_COLOR: '1' }), true)).toBe(false);
  expect(wantsColour(having({ TERM: 'dumb' }), true)).toBe(false);
  expect(wantsColour(having({ FORCE_COLOR: '1', NO_COLOR: '1' }), false)).toBe(true);
  expect(wantsColour(having({ FORCE_COLOR: '0' }), true)).toBe(false);
  expect(makePaint(false).red('x')).toBe('x');
});

test('several keys of several columns stand in one line, negative ones too', () => {
  const words = groupKeys([
    'hold',
    'place',
    '--key',
    'lease',
    '17',
    '-3',
    '--key',
    'customer:a:b',
    '--because',
    'x',
  ]);
  expect(words).toHaveLength(6);
  expect(namedKey(words[2]!.slice('--key='.length))).toEqual({
    recordClass: 'lease',
    key: ['17', '-3'],
  });
  expect(namedKey(words[3]!.slice('--key='.length))).toEqual({
    recordClass: 'customer',
    key: ['a:b'],
  });
  expect(() => namedKey('[]')).toThrow(RetentionError);
  expect(() => namedKey('customer')).toThrow(RetentionError);
});

test('words: plurals, thousands, durations', () => {
  expect(counted(1, 'tenancy')).toBe('1 tenancy');
  expect(counted(20_377, 'tenancy')).toBe('20,377 tenancies');
  expect(counted(1_234_567, 'box')).toBe('1,234,567 boxes');
  expect(rowNoun('"public"."rent_line"')).toBe('rent line');
  expect(rowNoun('public.rent_line')).toBe('rent line');
  expect([999, 9_400, 200_000, 7_500_000].map(duration)).toEqual([
    '999 ms',
    '9 s',
    '3 min 20 s',
    '2 h 5 min',
  ]);
});

test.each([
  ['CONFIG_INVALID', 64],
  ['USAGE', 64],
  ['KEY_INVALID', 64],
  ['CREDENTIALS_REJECTED', 4],
  ['RIGHTS_MISSING', 4],
  ['APPROVAL_SAME_PERSON', 5],
  ['PLAN_STALE', 5],
  ['DECLINED', 3],
  ['BATCH_MISMATCH', 6],
  ['RUN_INCOMPLETE', 7],
  ['TEMPORAL_UNAVAILABLE', 1],
  ['STORE_REJECTED', 1],
  ['INVARIANT_BROKEN', 1],
] as const)('%s ends with exit code %i', (code, exitCode) => {
  expect(exitCodeOf(new RetentionError(code, 'x'))).toBe(exitCode);
});

test('an error that is not ours is a failure', () => {
  expect(exitCodeOf(new TypeError('x'))).toBe(1);
});
