import { beforeAll, expect, test } from 'vitest';
import { verifyCertificate } from '../../../ledger/certificate/verify.ts';
import {
  type CertificateSamples,
  certificateSamples,
  KEY,
} from '../../support/certificate-samples.ts';
import type { Change } from '../../support/log-teller.ts';

let samples: CertificateSamples;

beforeAll(async () => {
  samples = await certificateSamples();
});

test('the certificate of a record proves which record was destroyed, when, by which rule and approval', () => {
  const report = verifyCertificate(samples.sign(samples.record), samples.policy);
  expect(report.findings).toEqual([]);
  expect(report).toMatchObject({
    kind: 'record',
    remarks: [],
    facts: {
      key: KEY,
      header: {
        class: 'customer',
        action: 'delete',
        rule: { id: 'customer_6_years', version: 1 },
        items: { count: 40 },
      },
      approval: { index: 6, statement: { decision: 'approve' } },
      people: { requestedBy: 'ann', decidedBy: 'bob' },
      head: { origin: 'retain.example.com/housing', witnesses: [{ name: 'w1' }] },
    },
  });
});

test('the certificate of a run proves its totals, step by step', () => {
  const report = verifyCertificate(samples.sign(samples.run), samples.policy);
  expect(report.findings).toEqual([]);
  expect(report).toMatchObject({
    kind: 'run',
    facts: {
      steps: [{ recordClass: 'customer', planned: 345, batches: 3, records: 345 }],
      close: { statement: { outcome: 'completed', records: 345 } },
      openedBy: 'ann',
    },
  });
});

test('what a key signed before it was revoked stays proven, and the revocation is remarked upon', async () => {
  const replaced = await certificateSamples({ replacedInRun: true });
  const first = await replaced.recordOf(['1007']);
  for (const unsigned of [first, replaced.record, replaced.run]) {
    const report = verifyCertificate(replaced.sign(unsigned), replaced.policy);
    expect(report.findings).toEqual([]);
    expect(report.remarks).toEqual([expect.stringMatching(/^The key worker-.* was revoked at/)]);
  }
});

test('what a key signed after it was revoked is not', async () => {
  let first = '';
  const change: Change = (kind, body, nth) => {
    if (kind === 'batch' && nth === 1) first = body['worker'] as string;
    return kind === 'batch' && nth === 2 ? { ...body, worker: first } : body;
  };
  const stolen = await certificateSamples({ replacedInRun: true, change });
  const { findings } = verifyCertificate(stolen.sign(stolen.record), stolen.policy);
  expect(findings.map(({ code }) => code)).toEqual(['E_KEY']);
});
