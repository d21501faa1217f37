import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Plan } from '../../domain/plan.ts';
import { sealBatch } from '../../ledger/batch-header.ts';
import { type CanonicalValue, canonicalJson } from '../../ledger/canonical.ts';
import { ENTRY_TYPE, preAuthEncoding } from '../../ledger/dsse.ts';
import { keyCommitment } from '../../ledger/references.ts';
import type { SealedBatch, StagedBatch } from '../../stores/store.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { closingTable, deleteAfter, partTable, scheduleText } from './small-schedule.ts';
import { idsOf, refusalOf, weaken } from './tampering.ts';

// A stolen worker credential may seal, but only what the guard itself wrote down when it destroyed.
const WORKER = 'test-worker';
let governed: Governed;
let plan: Plan;
let staged: StagedBatch;
let seal: ReturnType<typeof sealBatch>;

beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`${closingTable('folder')} ${partTable('sheet', 'folder')}
        insert into folder select n, '2001-01-01' from generate_series(1, 3) n;
        insert into folder values (4, '2026-01-01');
        insert into sheet select n, n from generate_series(1, 4) n`),
    schedule: scheduleText({
      classes: {
        folder: { table: 'public.folder', references: { sheet_folder_id_fkey: 'owned' } },
      },
      rules: { folder_rule: deleteAfter('folder', 'closed_on') },
    }),
  });
  const { guard, retain } = governed;
  plan = await governed.plan();
  await governed.approve(plan);
  await governed.open(plan);
  const lane = { run: plan.document.run, step: 1, lane: 1 };
  const step = await guard.describeStep(lane.run, lane.step);
  const epoch = await retain.epochKeys.forWriting(step.recordClass);
  await guard.registerEpoch(epoch.id, keyCommitment(epoch.key), null);
  await guard.registerEpoch('another', keyCommitment(epoch.key), null);
  const { fence } = await guard.claimLane(lane);
  const batch = await guard.disposeBatch(lane, fence, 10);
  if (!batch.staged) throw new Error('nothing was destroyed');
  staged = batch.staged;
  const { signingKey } = governed;
  const context = { prev: '0'.repeat(64), epoch, signingKey, recovered: false };
  seal = sealBatch(step, staged, context);
});
afterAll(() => governed.end());

type Header = Record<string, CanonicalValue>;
const truth = () => JSON.parse(seal.header.subarray(66).toString('utf8')) as Header;

/** Signed like a true one: the guard cannot tell a signature, it compares what is said. */
function entry(body: Header): Buffer {
  const json = canonicalJson(body);
  const signature = governed.signingKey.sign(preAuthEncoding(ENTRY_TYPE, json));
  return Buffer.concat([Buffer.of(0x01, 0x01), signature, json]);
}

function offered(changes: Partial<SealedBatch>) {
  return governed.guard.sealBatch({ ...seal, sealedBy: WORKER, recovered: false, ...changes });
}
const sealed = (changed: Header, keyEpoch = seal.keyEpoch) =>
  offered({ header: entry({ ...truth(), ...changed }), keyEpoch });
const inside = (field: string, changed: Header) => () => ({
  [field]: { ...(truth()[field] as Header), ...changed },
});

const FORGED: [string, () => Header][] = [
  ['another version', () => ({ v: 2 })],
  ['another store', () => ({ store: 'others' })],
  ['another kind', () => ({ kind: 'note' })],
  ['another run', () => ({ run: '00000000-0000-4000-8000-000000000000' })],
  ['another step', () => ({ step: 2 })],
  ['another lane', () => ({ lane: 2 })],
  ['another place in the lane', () => ({ seq: 2 })],
  ['another header before it', () => ({ prev: 'ab'.repeat(32) })],
  ['another class', () => ({ class: 'invoice' })],
  ['another action', () => ({ action: 'reduce' })],
  ['another table', () => ({ table: 'public.sheet' })],
  ['fewer parts', () => ({ parts: { 'public.sheet': 1 } })],
  ['no parts', () => ({ parts: {} })],
  ['more parts', () => ({ parts: { 'public.sheet': 3, 'public.other': 7 } })],
  ['another rule', inside('rule', { id: 'other_rule' })],
  ['another version of the rule', inside('rule', { version: 2 })],
  ['another text of the schedule', inside('rule', { sha256: 'ab'.repeat(32) })],
  ['no name of a key', () => ({ worker: 7 })],
  ['that it was recovered', () => ({ recovered: true })],
  ['another approval', inside('approval', { sha256: 'ab'.repeat(32) })],
  ['an approval of another plan', inside('approval', { id: 'another' })],
  ['another count', inside('items', { count: 2 })],
  ['another length', inside('items', { len: 16 })],
  ['another order', inside('items', { order: 'desc' })],
  ['other references', inside('items', { sha256: 'ab'.repeat(32) })],
  ['another instant', () => ({ executed_at: '2001-01-01T00:00:00.000000Z' })],
  ['another transaction', () => ({ txid: '1' })],
  ['another shape of the tables', () => ({ schema_sha256: 'ab'.repeat(32) })],
  ['holds not checked', inside('holds', { checked: false })],
  ['another hold version', inside('holds', { version: '99' })],
  ['another key epoch than the one given', () => ({ key_epoch: 'another' })],
  ['more than the format has', () => ({ note: 'a key in plain words' })],
  ['more of the rule than the format has', inside('rule', { title: 'a key in plain words' })],
];

const FIELDS = [
  ...['kind', 'run', 'step', 'lane', 'seq', 'prev', 'class', 'action', 'table', 'parts', 'rule'],
  ...['approval', 'items', 'executed_at', 'txid', 'schema_sha256', 'holds', 'key_epoch', 'batch'],
  ...['worker', 'recovered', 'v', 'store'],
];

it.each(FORGED)('a header that says %s is refused', async (_name, forged) => {
  expect(await refusalOf(sealed(forged()))).toBe('BATCH_MISMATCH');
});

it('a key epoch that nobody registered is refused, and one that the header does not name', async () => {
  expect(await refusalOf(sealed({ key_epoch: 'unheard' }, 'unheard'))).toBe('BATCH_MISMATCH');
  expect(await refusalOf(sealed({}, 'another'))).toBe('BATCH_MISMATCH');
});

it.each(FIELDS)('a header without %s is refused', async (field) => {
  const { [field]: _gone, ...rest } = truth();
  expect(await refusalOf(offered({ header: entry(rest) }))).toBe('BATCH_MISMATCH');
});

const BYTES: [string, () => Buffer][] = [
  ['nothing', () => Buffer.alloc(0)],
  ['its JSON alone', () => seal.header.subarray(66)],
  ['no JSON', () => seal.header.subarray(0, 66)],
  ['another version of entries', () => Buffer.concat([Buffer.of(2), seal.header.subarray(1)])],
  [
    'an entry of another kind',
    () => Buffer.concat([Buffer.of(0x01, 0x10), seal.header.subarray(2)]),
  ],
  [
    'more than 65,535 bytes',
    () => Buffer.concat([seal.header, Buffer.alloc(65_536 - seal.header.length, ' ')]),
  ],
];

it.each(BYTES)('a header of %s is refused', async (_name, header) => {
  expect(await refusalOf(offered({ header: header() }))).toBe('BATCH_MISMATCH');
});

it('a header whose JSON is none is refused', async () => {
  const header = Buffer.concat([seal.header.subarray(0, 66), Buffer.from('{"v":1')]);
  expect(await refusalOf(offered({ header }))).toBe('STORE_REJECTED');
});

it('references that the header does not name are refused', async () => {
  for (const refs of [seal.refs.subarray(32), Buffer.alloc(seal.refs.length)]) {
    expect(await refusalOf(offered({ refs }))).toBe('BATCH_MISMATCH');
  }
});

it('all of this left the batch as it was: unsealed, its keys staged, its neighbours there', async () => {
  const lane = { run: plan.document.run, step: 1, lane: 1 };
  expect(await governed.guard.stagedBatches(lane)).toEqual([staged]);
  expect(await governed.sql`select from retain_guard.batch_sealed`).toHaveLength(0);
  expect(await idsOf(governed.sql, 'folder')).toEqual([4]);
  expect(await idsOf(governed.sql, 'sheet')).toEqual([4]);
});

it('twin: a guard that does not compare would keep a false count as proof', async () => {
  const restore = await weaken(
    governed.sql,
    'seal_batch',
    'or header is distinct from',
    'or header is not distinct from',
  );
  expect(await refusalOf(sealed({}))).toBe('BATCH_MISMATCH');
  expect(
    await refusalOf(
      governed.sql.begin(async (sql) => {
        const header = entry({ ...truth(), ...inside('items', { count: 2 })() });
        await sql`select retain_guard.seal_batch(${seal.batch}, ${seal.keyEpoch}, ${header}, ${seal.refs}, ${WORKER}, false)`;
        throw new Error('rolled back');
      }),
    ),
  ).toContain('rolled back');
  await restore();
});

it('twin: at 65,535 bytes and with the same JSON the length is all that was wrong', async () => {
  const restore = await weaken(governed.sql, 'seal_batch', 'not between 67 and 65535', 'is null');
  const header = Buffer.concat([seal.header, Buffer.alloc(65_536 - seal.header.length, ' ')]);
  const accepted = governed.sql.begin(async (sql) => {
    await sql`select retain_guard.seal_batch(${seal.batch}, ${seal.keyEpoch}, ${header}, ${seal.refs}, ${WORKER}, false)`;
    throw new Error('rolled back');
  });
  expect(await refusalOf(accepted)).toContain('rolled back');
  await restore();
});

it('the true header is accepted, once', async () => {
  expect(await sealed({})).toBe(true);
  expect(await sealed({})).toBe(false);
  expect((await governed.close(plan)).outcome).toBe('incomplete');
});
