import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  batchHeader,
  type SealedStep,
  type SealingContext,
  sealBatch,
  type UnsealedBatch,
} from '../../ledger/batch-header.ts';
import { type CanonicalValue, canonicalJson } from '../../ledger/canonical.ts';
import { decodeEntry, type SignedEntry, verifyEntry } from '../../ledger/entry.ts';
import { encodeKey, hasReference, reference, runKey } from '../../ledger/references.ts';
import type { SealedBatch, StagedBatch, StepDescription } from '../../stores/store.ts';
import { TEST_KEY } from '../support/test-key.ts';

const RUN = '018f2b6e-7c3a-7d10-9a55-0123456789ab';
const EPOCH_KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
const NONE = '0'.repeat(64);

const step: StepDescription = {
  store: 'housing',
  run: RUN,
  step: 2,
  planDigest: `sha256:${'ab'.repeat(32)}`,
  recordClass: 'customer',
  rule: 'customer_6_years',
  ruleVersion: 7,
  ruleSha256: '11'.repeat(32),
  action: 'delete',
  table: 'public.customer',
  schemaSha256: '22'.repeat(32),
};

const staged: StagedBatch = {
  batch: '9bf26d7a-5daf-4f86-8179-d5682c1540d1',
  run: RUN,
  step: 2,
  lane: 1,
  seq: 1,
  executedAt: '2026-11-21T18:23:28.394504Z',
  txid: '48245',
  holdVersion: 100,
  parts: { 'public.note': 31, 'public.contract': 4 },
  keys: [['20417'], ['19833'], ['4321']],
};

const context: SealingContext = {
  prev: NONE,
  epoch: { id: 'customer/2026Q4', key: EPOCH_KEY },
  signingKey: TEST_KEY,
  recovered: false,
};

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const textOf = (header: Buffer) => header.subarray(66).toString('utf8');
const bodyOf = (header: Buffer) => JSON.parse(textOf(header)) as Record<string, CanonicalValue>;

test('the header has every field of the format, in canonical order', () => {
  const { header, refs } = sealBatch(step, staged, context);
  expect(textOf(header)).toBe(
    `{"action":"delete","approval":{"id":"${RUN}","sha256":"${'ab'.repeat(32)}"},` +
      '"batch":"9bf26d7a-5daf-4f86-8179-d5682c1540d1","class":"customer",' +
      '"executed_at":"2026-11-21T18:23:28.394504Z","holds":{"checked":true,"version":"100"},' +
      `"items":{"count":3,"len":32,"order":"asc","sha256":"${sha256(refs)}"},` +
      '"key_epoch":"customer/2026Q4","kind":"batch","lane":1,' +
      `"parts":{"public.contract":4,"public.note":31},"prev":"${NONE}","recovered":false,` +
      `"rule":{"id":"customer_6_years","sha256":"${'11'.repeat(32)}","version":7},"run":"${RUN}",` +
      `"schema_sha256":"${'22'.repeat(32)}","seq":1,"step":2,"store":"housing","table":"public.customer",` +
      `"txid":"48245","v":1,"worker":"${TEST_KEY.name}"}`,
  );
});

test('the seal holds a reference for each destroyed record and says so in its header', () => {
  const seal = sealBatch(step, staged, context);
  expect(seal.refs.length).toBe(3 * 32);
  const key = runKey(EPOCH_KEY, RUN);
  for (const columns of staged.keys) {
    expect(hasReference(seal.refs, reference(key, encodeKey(columns)).ref)).toBe(true);
  }
  expect(seal.headerSha256).toBe(sha256(seal.header));
});

test('the header is an entry of the ledger that the named key signed', () => {
  const { header } = sealBatch(step, staged, context);
  const entry = decodeEntry(header) as SignedEntry;
  expect([header[0], header[1]]).toEqual([0x01, 0x01]);
  expect(entry.kind).toBe('batch');
  expect(entry.body).toMatchObject({ store: 'housing', worker: TEST_KEY.name });
  expect(verifyEntry(entry, TEST_KEY.publicKey)).toBe(true);
});

test('a seal is what the store takes with who made it', () => {
  const seal = sealBatch(step, staged, { ...context, recovered: true });
  const taken: SealedBatch = { ...seal, sealedBy: 'host:1', recovered: true };
  expect(taken).toMatchObject({ batch: staged.batch, keyEpoch: 'customer/2026Q4' });
  expect(bodyOf(taken.header)).toMatchObject({ recovered: true });
});

test('the same batch sealed twice is the same bytes, whatever the order of its keys', () => {
  const once = sealBatch(step, staged, context);
  const again = sealBatch(step, { ...staged, keys: [...staged.keys].reverse() }, context);
  expect(again.header.equals(once.header)).toBe(true);
  expect(again.refs.equals(once.refs)).toBe(true);
});

test('headers of a lane form a chain', () => {
  const first = sealBatch(step, staged, context);
  const second = sealBatch(
    step,
    { ...staged, seq: 2, keys: [['7']] },
    { ...context, prev: first.headerSha256 },
  );
  expect(bodyOf(second.header)).toMatchObject({ prev: first.headerSha256 });
  expect(first.headerSha256).toBe(sha256(first.header));
});

test('no key of a record and no epoch key is in the header', () => {
  const { header } = sealBatch(step, { ...staged, keys: [['CANARY-20417']] }, context);
  const text = header.toString('latin1');
  expect(text).not.toContain('CANARY');
  expect(text).not.toContain(EPOCH_KEY.toString('hex'));
});

const wrong: readonly (readonly [
  string,
  Partial<SealedStep>,
  Partial<UnsealedBatch>,
  Partial<SealingContext>,
])[] = [
  ['a batch of another run', { run: '018f2b6e-7c3a-7d10-9a55-0123456789ac' }, {}, {}],
  ['a batch of another step', { step: 3 }, {}, {}],
  ['a plan digest that is none', { planDigest: 'sha256:abc' }, {}, {}],
  ['a rule digest in upper case', { ruleSha256: 'AB'.repeat(32) }, {}, {}],
  ['a schema digest that is blank', { schemaSha256: '' }, {}, {}],
  ['a time without microseconds', {}, { executedAt: '2026-11-21T18:23:28Z' }, {}],
  ['a time with an offset', {}, { executedAt: '2026-11-21T18:23:28.394504+00:00' }, {}],
  ['a later batch without a predecessor', {}, { seq: 2 }, {}],
  ['a first batch with a predecessor', {}, {}, { prev: 'cd'.repeat(32) }],
  ['sequence number 0', {}, { seq: 0 }, { prev: 'cd'.repeat(32) }],
  ['a batch that destroyed nothing', {}, { keys: [] }, {}],
  ['a fractional count of parts', {}, { parts: { 'public.note': 0.5 } }, {}],
];

test.each(wrong)('refused: %s', (_, badStep, badBatch, badContext) => {
  const seal = () =>
    sealBatch({ ...step, ...badStep }, { ...staged, ...badBatch }, { ...context, ...badContext });
  expect(seal).toThrow(expect.objectContaining({ code: 'INVARIANT_BROKEN' }));
});

test('the header can be rebuilt without the keys', () => {
  const { header, refs } = sealBatch(step, staged, context);
  const { keys, ...batch } = staged;
  const rebuilt = batchHeader({
    step,
    batch,
    items: { count: keys.length, sha256: sha256(refs) },
    context: { prev: NONE, worker: TEST_KEY.name, recovered: false, keyEpoch: 'customer/2026Q4' },
  });
  expect(canonicalJson(rebuilt).toString('utf8')).toBe(textOf(header));
});
