/** Whatever is changed in the certificate of a run, or was false in the log, is found and named. */
import { beforeAll, expect, test } from 'vitest';
import { verifyCertificate } from '../../../ledger/certificate/verify.ts';
import {
  type CertificateSamples,
  certificateSamples,
  GONE_KEY,
  SPARE_KEY,
  type UnsignedRun,
} from '../../support/certificate-samples.ts';
import { EARLY } from '../../support/lies.ts';
import type { Body, Change } from '../../support/log-teller.ts';
import { verifyBuilt } from '../../support/verified.ts';

const LATE = '2027-11-21T10:00:00.000000Z';
const LEASES = 'lease/2026Q4';

let samples: CertificateSamples;

beforeAll(async () => {
  samples = await certificateSamples();
});

function codes(changed: UnsignedRun, from = samples): string[] {
  const report = verifyCertificate(from.sign(changed), from.policy);
  if (report.findings.length > 0) expect(report.facts).toBeUndefined();
  return report.findings.map(({ code }) => code);
}

const withHeaders = (change: (headers: readonly string[]) => readonly string[]): UnsignedRun => ({
  ...samples.run,
  batch_header_entries: change(samples.run.batch_header_entries),
});

test('a batch that is left out is missed, wherever in its lane it was', () => {
  for (const left of [0, 1, 2]) {
    const changed = withHeaders((headers) => headers.filter((_, i) => i !== left));
    expect(codes(changed)).toEqual(expect.arrayContaining(['E_RUNCHAIN', 'E_TOTALS']));
  }
});

test('a batch that is shown twice, or in another order, does not continue its lane', () => {
  expect(codes(withHeaders(([a, b, c]) => [a!, a!, b!, c!]))).toContain('E_RUNCHAIN');
  expect(codes(withHeaders(([a, b, c]) => [b!, a!, c!]))).toContain('E_RUNCHAIN');
});

test('a header whose bytes were changed is not the one that follows', () => {
  const changed = withHeaders(([a, b, c]) => {
    const json = Buffer.from(b!, 'base64').toString('latin1').replace('"txid":"7', '"txid":"8');
    return [a!, Buffer.from(json, 'latin1').toString('base64'), c!];
  });
  expect(codes(changed)).toEqual(expect.arrayContaining(['E_WORKERSIG', 'E_RUNCHAIN']));
});

test('statements of another run are none of this one', async () => {
  const close = await samples.prove('run.close', 2);
  expect(codes({ ...samples.run, close })).toEqual(
    expect.arrayContaining(['E_RUN', 'E_RUNCHAIN', 'E_TOTALS']),
  );
  const approval = await samples.prove('approval', 2);
  expect(codes({ ...samples.run, approval })).toEqual(['E_RUN', 'E_APPROVAL']);
  const open = await samples.prove('run.open', 2);
  expect(codes({ ...samples.run, open })).toEqual(expect.arrayContaining(['E_RUN', 'E_APPROVAL']));
});

test('another run’s name on the certificate is found', () => {
  const run = '00000000-0000-4000-8000-000000000000';
  expect(codes({ ...samples.run, run })).toEqual(['E_RUN']);
});

test('a statement that is not where its proof says is not in the log', () => {
  const { plan } = samples.run;
  const tlog_proof = plan.tlog_proof.replace(/^index \d+$/m, 'index 1');
  const found = codes({ ...samples.run, plan: { ...plan, tlog_proof } });
  expect(found).toContain('E_INCLUSION');
});

test('the name of who began the run opens its reference', () => {
  const { people } = samples.run;
  const opened_by = { ...people.opened_by, name: 'mallory' };
  expect(codes({ ...samples.run, people: { ...people, opened_by } })).toEqual(['E_NAME']);
});

test('the classes and rules that destroyed are explained, and no others', () => {
  const { words } = samples.run;
  const { classes, rules } = words;
  const rule = rules['customer_6_years']!;
  for (const changed of [
    { ...words, classes: {} },
    { ...words, rules: {} },
    { ...words, classes: { tenancy: 'Tenancies' } },
    { ...words, rules: { tenancy_6_years: rule } },
    { ...words, classes: { ...classes, tenancy: 'Tenancies' } },
    { ...words, rules: { ...rules, tenancy_6_years: rule } },
  ]) {
    expect(codes({ ...samples.run, words: changed })).toEqual(['E_WORDS']);
  }
});

test('an approval that came when the run was over is none', async () => {
  const late = await certificateSamples({ lateApproval: true });
  expect(codes(late.run, late)).toEqual(['E_RUN']);
});

const nth =
  (wanted: string, changes: Body, which = 1): Change =>
  (kind, body, at) =>
    kind === wanted && at === which ? { ...body, ...changes } : body;

/** What somebody could have written into the log who had the keys then. */
const LIES: readonly (readonly [string, Change, string])[] = [
  ['fewer records in the end than the batches have', nth('run.close', { records: 3 }), 'E_TOTALS'],
  ['fewer batches in the end', nth('run.close', { batches: 2 }), 'E_TOTALS'],
  [
    'other totals of a class',
    nth('run.close', { classes: { customer: { batches: 3, records: 1 } } }),
    'E_TOTALS',
  ],
  [
    'a class that no batch is of',
    (kind, body, at) =>
      kind === 'run.close' && at === 1
        ? { ...body, classes: { ...(body['classes'] as Body), extra: { batches: 1, records: 1 } } }
        : body,
    'E_TOTALS',
  ],
  ['a lane without an end', nth('run.close', { lanes: [] }), 'E_RUNCHAIN'],
  ['a batch of another class than planned', nth('batch', { class: 'tenancy' }), 'E_SCOPE'],
  ['a batch of another action', nth('batch', { action: 'reduce' }), 'E_SCOPE'],
  ['a batch of another table', nth('batch', { table: '"public"."tenancy"' }), 'E_SCOPE'],
  ['a batch of a step that is not planned', nth('batch', { step: 7 }), 'E_SCOPE'],
  ['a batch under another rule', ruled({ id: 'customer_6_days' }), 'E_SCOPE'],
  ['a batch under another version', ruled({ version: 9 }), 'E_SCOPE'],
  ['a batch under another schedule file', ruled({ sha256: 'ab'.repeat(32) }), 'E_SCOPE'],
  ['a batch of another run', foreignRun(), 'E_BATCH'],
  ['more records than the plan allows', planned({ destroys: 344 }), 'E_SCOPE'],
  ['two steps of one number', doubledStep(), 'E_PLAN'],
  ['a run after its plan had expired', nth('plan', { expires_at: EARLY }), 'E_RUN'],
  ['a batch after its plan had expired', nth('batch', { executed_at: LATE }), 'E_TIME'],
  ['a batch before its run', nth('batch', { executed_at: EARLY }), 'E_TIME'],
  ['a batch before what its plan judges by', nth('plan', { as_of: LATE }), 'E_TIME'],
  ['an end before a batch', nth('run.close', { at: EARLY }), 'E_TIME'],
  ['a batch with the epoch of another class', nth('batch', { key_epoch: LEASES }), 'E_EPOCH'],
  ['older holds than the batch before', olderHolds(), 'E_HOLDCHECK'],
  ['batches of one id', (kind, body) => (kind === 'batch' ? oneId(body) : body), 'E_RUNCHAIN'],
  ['one lane twice, and another not', doubledLane(), 'E_RUNCHAIN'],
  [
    'a batch after another one than there is',
    nth('batch', { prev: 'ab'.repeat(32) }, 3),
    'E_RUNCHAIN',
  ],
  ['a batch that skips numbers', skippedNumbers(), 'E_RUNCHAIN'],
  [
    'other batches of a class',
    nth('run.close', { classes: { customer: { batches: 9, records: 345 } } }),
    'E_TOTALS',
  ],
  ['a batch of another store', nth('batch', { store: 'attic' }), 'E_BATCH'],
  ['a batch of another plan', foreignPlan(), 'E_SCOPE'],
  ['a batch of a revoked key', nth('batch', { worker: GONE_KEY.name }), 'E_KEY'],
  ['a batch in the name of another key', nth('batch', { worker: SPARE_KEY.name }), 'E_WORKERSIG'],
  [
    'an end in the name of another key',
    nth('run.close', { signed_by: SPARE_KEY.name }),
    'E_STATEMENTSIG',
  ],
  ['a beginning of another plan', nth('run.open', { sha256: 'ab'.repeat(32) }), 'E_APPROVAL'],
  ['an approval of another plan', nth('approval', { sha256: 'ab'.repeat(32) }), 'E_APPROVAL'],
  ['a rejection', nth('approval', { decision: 'reject' }), 'E_APPROVAL'],
  [
    'an approval of another request',
    nth('approval', { requested_by: 'ab'.repeat(32) }),
    'E_APPROVAL',
  ],
  ['an end that another store told', nth('run.close', { source: 'store:attic' }), 'E_RUN'],
];

function planned(changes: Body): Change {
  return (kind, body, at) =>
    kind === 'plan' && at === 1
      ? { ...body, steps: (body['steps'] as Body[]).map((step) => ({ ...step, ...changes })) }
      : body;
}

function doubledStep(): Change {
  return (kind, body, at) => {
    if (kind !== 'plan' || at !== 1) return body;
    const steps = body['steps'] as Body[];
    return { ...body, steps: [...steps, ...steps] };
  };
}

function olderHolds(): Change {
  return (kind, body, at) =>
    kind === 'batch' && at === 1 ? { ...body, holds: { checked: true, version: '7' } } : body;
}

function oneId(body: Body): Body {
  return { ...body, batch: '00000000-0000-4000-8000-000000000001' };
}

function doubledLane(): Change {
  return (kind, body, at) => {
    if (kind !== 'run.close' || at !== 1) return body;
    const [first] = body['lanes'] as Body[];
    return { ...body, lanes: [first!, first!] };
  };
}

function foreignPlan(): Change {
  return (kind, body) =>
    kind === 'batch'
      ? { ...body, approval: { id: body['run'] ?? '', sha256: 'ab'.repeat(32) } }
      : body;
}

function ruled(changes: Body): Change {
  return (kind, body) =>
    kind === 'batch' ? { ...body, rule: { ...(body['rule'] as Body), ...changes } } : body;
}

function foreignRun(): Change {
  const run = '00000000-0000-4000-8000-000000000000';
  return (kind, body, at) =>
    kind === 'batch' && at === 1
      ? { ...body, run, approval: { ...(body['approval'] as Body), id: run } }
      : body;
}

/** The last batch of the first lane says 5 for 2, and so does the end of the run. */
function skippedNumbers(): Change {
  return (kind, body, at) => {
    if (kind === 'batch' && at === 3) return { ...body, seq: 5 };
    if (kind !== 'run.close' || at !== 1) return body;
    const lanes = (body['lanes'] as Body[]).map((end) =>
      end['lane'] === 1 ? { ...end, seq: 5 } : end,
    );
    return { ...body, lanes };
  };
}

test.each(LIES)('%s is found', async (_, change, code) => {
  const lying = await certificateSamples({ change, revoked: true });
  expect(codes(lying.run, lying)).toContain(code);
  expect((await verifyBuilt(lying.log)).verdict).toBe('failed');
});
