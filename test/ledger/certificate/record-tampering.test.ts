/** Whatever is changed in the certificate of a record, or was false in the log, is found and named. */
import { beforeAll, expect, test } from 'vitest';
import { verifyCertificate } from '../../../ledger/certificate/verify.ts';
import { formatVkey, NOTE_SIGNATURE } from '../../../ledger/note-key.ts';
import { parsePolicy } from '../../../ledger/policy-file.ts';
import {
  type CertificateSamples,
  certificateSamples,
  GONE_KEY,
  SPARE_KEY,
  STRAY_KEY,
  type UnsignedRecord,
} from '../../support/certificate-samples.ts';
import { policyFor, WITNESS } from '../../support/log-builder.ts';
import { type Body, type Change, testKey } from '../../support/log-teller.ts';
import { verifyBuilt } from '../../support/verified.ts';

const OTHER = 'log.example.com/other';
const OTHER_RUN = '00000000-0000-4000-8000-000000000000';
const ELSEWHERE = {
  origin: OTHER,
  log_vkey: formatVkey(OTHER, testKey('log', 1).publicKey, NOTE_SIGNATURE.ed25519),
};
const batch =
  (changes: Body): Change =>
  (kind, body) =>
    kind === 'batch' ? { ...body, ...changes } : body;
const approval =
  (changes: Body): Change =>
  (kind, body) =>
    kind === 'approval' ? { ...body, ...changes } : body;

function foreignAdmin(body: Body): Body {
  const { name, publicKey } = testKey('admin', 66);
  const admin = { role: 'admin', name, public_key: publicKey.toString('base64') };
  const [, ...others] = body['keys'] as Body[];
  return { keys: [admin, ...others], signed_by: name };
}

let samples: CertificateSamples;
let other: UnsignedRecord;

beforeAll(async () => {
  samples = await certificateSamples();
  other = await samples.recordOf(['1007']);
});

/** Codes found in the certificate that the organisation itself signs after the change. */
function codes(changed: UnsignedRecord, policy = samples.policy): string[] {
  const report = verifyCertificate(samples.sign(changed), policy);
  if (report.findings.length > 0) expect(report.facts).toBeUndefined();
  return report.findings.map(({ code }) => code);
}

const flip = (base64: string, at: number): string => {
  const bytes = Buffer.from(base64, 'base64');
  bytes[at]! ^= 1;
  return bytes.toString('base64');
};
const proofOf = (record: UnsignedRecord, change: (text: string) => string): UnsignedRecord => ({
  ...record,
  tlog_proof: change(record.tlog_proof),
});
const everyProof = (record: UnsignedRecord, change: (text: string) => string): UnsignedRecord => ({
  ...proofOf(record, change),
  approval: { ...record.approval, tlog_proof: change(record.approval.tlog_proof) },
  batch_header: { ...record.batch_header, tlog_proof: change(record.batch_header.tlog_proof) },
  keys: record.keys.map((key) => ({ ...key, tlog_proof: change(key.tlog_proof) })),
});

test('another id opens no entry', () => {
  const record = { class: 'customer', pk: ['4322'] };
  expect(codes({ ...samples.record, record })).toEqual(['E_OPENING']);
});

test('the salt of another record opens no entry', () => {
  expect(codes({ ...samples.record, opening: other.opening })).toEqual(['E_OPENING']);
});

test('the header of another batch is not that of the record', () => {
  const { batch_header } = other;
  const changed = { ...samples.record, batch_header };
  expect(codes(changed)).toContain('E_BATCHREF');
});

test('another index is not the place of the entry', () => {
  const changed = proofOf(samples.record, (text) =>
    text.replace(/^index (\d+)$/m, (_, index: string) => `index ${Number(index) - 1}`),
  );
  expect(codes(changed)).toEqual(['E_INCLUSION']);
});

test('a header that is not where its proof says is not in the log', () => {
  const { batch_header } = samples.record;
  const tlog_proof = batch_header.tlog_proof.replace(/^index \d+$/m, 'index 1');
  expect(codes({ ...samples.record, batch_header: { ...batch_header, tlog_proof } })).toContain(
    'E_INCLUSION',
  );
});

test.each(['before', 'behind'] as const)(
  'a record %s the batch that it names is none of it',
  async (stray) => {
    const forged = await certificateSamples({ stray });
    const unsigned = await forged.recordOf(STRAY_KEY);
    const { findings } = verifyCertificate(forged.sign(unsigned), forged.policy);
    expect(findings.map(({ code }) => code)).toEqual(['E_RECORD']);
    expect((await verifyBuilt(forged.log)).verdict).toBe('failed');
    expect(verifyCertificate(forged.sign(forged.record), forged.policy).findings).toEqual([]);
  },
);

test('an entry that the log does not have is not in it', () => {
  const entry = flip(samples.record.entry, 40);
  expect(codes({ ...samples.record, entry })).toContain('E_INCLUSION');
});

test('without the line of a witness the quorum is not met', () => {
  const isWitness = (line: string) => line.startsWith(`\u2014 ${WITNESS.name} `);
  const changed = everyProof(samples.record, (text) =>
    text
      .split('\n')
      .filter((line) => !isWitness(line))
      .join('\n'),
  );
  expect(codes(changed)).toEqual(['E_WITNESS']);
});

test('a checkpoint of another size than was signed is not signed', () => {
  const changed = everyProof(samples.record, (text) => {
    const { size } = samples.log.head;
    return text.replace(`\n${size}\n`, `\n${size + 1}\n`);
  });
  expect(codes(changed)).toEqual(['E_SIG']);
});

test('a log that the policy does not name proves nothing', () => {
  const stranger = { logKey: testKey('log', 77), origin: samples.teller.origin };
  const policy = parsePolicy(Buffer.from(policyFor(stranger)));
  expect(codes(samples.record, policy)).toEqual(['E_NOTE']);
});

test('proofs of different checkpoints do not add up', async () => {
  const later = await certificateSamples({ publish: { cosignedAt: 1_800_000_000 } });
  const { approval } = later.record;
  expect(codes({ ...samples.record, approval })).toEqual(['E_HEADS']);
});

test('an approval of another run is none', async () => {
  const approval = await samples.prove('approval', 2);
  expect(codes({ ...samples.record, approval })).toContain('E_APPROVAL');
});

test('an approval that came after the destruction is none', async () => {
  const late = await certificateSamples({ lateApproval: true });
  const { findings } = verifyCertificate(late.sign(late.record), late.policy);
  expect(findings.map(({ code }) => code)).toEqual(['E_APPROVAL']);
});

test('names that are not those of the log are found', () => {
  const { people } = samples.record;
  const zoe = { ...people.decided_by, name: 'zoe' };
  expect(codes({ ...samples.record, people: { ...people, decided_by: zoe } })).toEqual(['E_NAME']);
  const eve = { ...people.requested_by, name: 'eve' };
  expect(codes({ ...samples.record, people: { ...people, requested_by: eve } })).toEqual([
    'E_NAME',
  ]);
});

test('the case of a name does not matter, as it does not where people are compared', () => {
  const { people } = samples.record;
  const bob = { ...people.decided_by, name: 'BOB' };
  expect(codes({ ...samples.record, people: { ...people, decided_by: bob } })).toEqual([]);
});

test('a worker key that the certificate does not introduce signs nothing', () => {
  const keys = samples.record.keys.slice(1);
  expect(codes({ ...samples.record, keys })).toEqual(
    expect.arrayContaining(['E_GENESIS', 'E_KEY']),
  );
});

test('keys out of the order of the log are refused', () => {
  const [genesis, ...others] = samples.record.keys;
  for (const keys of [samples.record.keys.toReversed(), [genesis!, ...others.toReversed()]]) {
    expect(codes({ ...samples.record, keys })).toContain('E_GENESIS');
  }
});

test('a second genesis introduces nobody', async () => {
  const twice = await certificateSamples({ secondGenesis: true });
  const { findings } = verifyCertificate(twice.sign(twice.record), twice.policy);
  expect(findings.map(({ code }) => code)).toContain('E_GENESIS');
});

test('an approval that is not where its proof says is not in the log', () => {
  const { approval } = samples.record;
  const tlog_proof = approval.tlog_proof.replace(/^index \d+$/m, 'index 1');
  expect(codes({ ...samples.record, approval: { ...approval, tlog_proof } })).toContain(
    'E_INCLUSION',
  );
});

test('a key entry that is not in the log introduces nobody', () => {
  const [genesis, key] = samples.record.keys;
  const moved = { ...key!, tlog_proof: key!.tlog_proof.replace(/^index \d+$/m, 'index 1') };
  expect(codes({ ...samples.record, keys: [genesis!, moved] })).toContain('E_INCLUSION');
});

test('a record of another class than its batch is found', () => {
  const record = { class: 'tenancy', pk: ['4321'] };
  expect(codes({ ...samples.record, record })).toEqual(['E_WORDS']);
});

test('words that were changed after they were signed are nobody’s', () => {
  const json = samples.sign(samples.record).toString('utf8');
  const report = verifyCertificate(
    Buffer.from(json.replace('Act 1980', 'Act 1982')),
    samples.policy,
  );
  expect(report.findings.map(({ code }) => code)).toEqual(['E_ISSUER']);
  expect(report.facts).toBeUndefined();
});

test('a key that the log does not name signs no certificate', () => {
  const bytes = samples.sign(samples.record, testKey('worker', 99));
  const { findings } = verifyCertificate(bytes, samples.policy);
  expect(findings.map(({ code }) => code)).toEqual(['E_ISSUER']);
});

test('a policy without witnesses is remarked upon', async () => {
  const alone = await certificateSamples({ publish: { witnesses: [] } });
  const report = verifyCertificate(alone.sign(alone.record), alone.policy);
  expect(report.findings).toEqual([]);
  expect(report.remarks).toEqual([expect.stringContaining('no witness')]);
});

/** What somebody could have written into the log who had the keys then. */
const LIES: readonly (readonly [string, Change, string])[] = [
  ['a header of a key that was never valid', batch({ worker: 'worker-00000000' }), 'E_KEY'],
  ['a header of a key that was revoked before', batch({ worker: GONE_KEY.name }), 'E_KEY'],
  ['a header in the name of another key', batch({ worker: SPARE_KEY.name }), 'E_WORKERSIG'],
  ['an approval of a key never valid', approval({ signed_by: 'worker-00000000' }), 'E_KEY'],
  ['an approval in another key’s name', approval({ signed_by: SPARE_KEY.name }), 'E_STATEMENTSIG'],
  ['a rejection', approval({ decision: 'reject' }), 'E_APPROVAL'],
  ['an approval of another run', approval({ run: OTHER_RUN }), 'E_APPROVAL'],
  ['an approval of another plan', approval({ sha256: 'ab'.repeat(32) }), 'E_APPROVAL'],
  ['an approval that another store told', approval({ source: 'store:attic' }), 'E_APPROVAL'],
  [
    'an approval by who asked',
    (kind, body) =>
      kind === 'approval' ? { ...body, decided_by: body['requested_by'] ?? '' } : body,
    'E_FOUREYES',
  ],
  ['a header of another class’s epoch', batch({ key_epoch: 'lease/2026Q4' }), 'E_EPOCH'],
  [
    'a genesis of another log',
    (kind, body) => (kind === 'genesis' ? { ...body, ...ELSEWHERE } : body),
    'E_ORIGIN',
  ],
  [
    'a genesis that its admin key has not signed',
    (kind, body) => (kind === 'genesis' ? { ...body, ...foreignAdmin(body) } : body),
    'E_STATEMENTSIG',
  ],
];

test.each(LIES)('%s is found', async (_, change, code) => {
  const lying = await certificateSamples({ change, revoked: true });
  const report = verifyCertificate(lying.sign(lying.record), lying.policy);
  expect(report.findings.map((finding) => finding.code)).toContain(code);
  expect(report.facts).toBeUndefined();
});

test('a key that was revoked before proves nothing wrong as long as it signs nothing', async () => {
  const honest = await certificateSamples({ revoked: true });
  const report = verifyCertificate(honest.sign(honest.record), honest.policy);
  expect(report.findings).toEqual([]);
  expect(report.remarks).toEqual([`The key ${GONE_KEY.name} was revoked at entry 4.`]);
});
