import { describe, expect, test } from 'vitest';
import { sealBatch } from '../../ledger/batch-header.ts';
import type { CanonicalValue } from '../../ledger/canonical.ts';
import { decodeEntry, type JsonObject, type SignedKind, signEntry } from '../../ledger/entry.ts';
import { formatVkey, NOTE_SIGNATURE } from '../../ledger/note-key.ts';
import { readStatement, type Statement, signerName } from '../../ledger/statements.ts';
import { admin, BODIES, KINDS, LOG_KEY_BODY, log, ORIGIN, RUN, worker } from './signing-samples.ts';

const NONE = '0'.repeat(64);

function read(kind: SignedKind, body: JsonObject): Statement {
  const entry = decodeEntry(signEntry(kind, body, worker));
  if (entry.kind === 'record') throw new Error('a record');
  return readStatement(entry);
}

const refused = (kind: SignedKind, body: JsonObject, place: RegExp | string) =>
  expect(() => read(kind, body)).toThrow(
    expect.objectContaining({
      code: 'LEDGER_MALFORMED',
      message: expect.stringMatching(place) as unknown,
    }),
  );

const samples: readonly (readonly [string, SignedKind, JsonObject])[] = [
  ...KINDS.map((kind) => [kind, kind, BODIES[kind]] as const),
  ['key of the log', 'key', LOG_KEY_BODY],
];

/** Every object in a body: where it is, and the body with another one in its place. */
interface Spot {
  readonly path: string;
  readonly object: JsonObject;
  readonly put: (object: JsonObject) => JsonObject;
}

/** Objects whose names are data: any name of the right form may be there or not. */
const MAPPINGS = new Set([
  'parts',
  'run.close.classes',
  'hold.place.classes',
  'subjects',
  'sources',
  'lost',
]);
const isMapping = (path: string) =>
  [...MAPPINGS].some((name) => path === name || path.endsWith(`.${name}`));

const isObject = (value: CanonicalValue): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function spots(path: string, object: JsonObject, put: Spot['put']): Spot[] {
  const inner = Object.entries(object).flatMap(([name, value]) => {
    const at = /^\w+$/.test(name) ? `${path}.${name}` : `${path}[...]`;
    if (isObject(value)) return spots(at, value, (other) => put({ ...object, [name]: other }));
    if (!Array.isArray(value)) return [];
    const items = value as readonly CanonicalValue[];
    return items.flatMap((item, i) =>
      isObject(item)
        ? spots(`${at}[${i}]`, item, (other) => put({ ...object, [name]: items.with(i, other) }))
        : [],
    );
  });
  return [{ path, object, put }, ...inner];
}

const literal = (path: string) => path.replaceAll(/[.[\]]/g, '\\$&');

describe.each(samples)('%s', (_, kind, body) => {
  test('the body of the format is read as it is', () => {
    expect(read(kind, body)).toEqual(body);
  });

  test('a missing field is refused by name', () => {
    for (const { path, object, put } of spots(kind, body, (whole) => whole)) {
      if (isMapping(path)) continue;
      for (const name of Object.keys(object)) {
        // Without these there is no entry at all, or another shape.
        if (path === kind && ['v', 'kind'].includes(name)) continue;
        const { [name]: gone, ...rest } = object;
        expect(gone).toBeDefined();
        if (kind === 'key' && name === 'role') refused(kind, put(rest), /^key\.(role|vkey) is/);
        else refused(kind, put(rest), `^${literal(`${path}.${name}`)} is missing\\.$`);
      }
    }
  });

  test('an unknown field is refused by name', () => {
    for (const { path, put, object } of spots(kind, body, (whole) => whole)) {
      if (isMapping(path)) continue;
      refused(kind, put({ ...object, zzz: 1 }), `^${literal(path)}\\.zzz is not a field`);
    }
  });

  test('a field of another type is refused by name', () => {
    for (const { path, object, put } of spots(kind, body, (whole) => whole)) {
      for (const [name, value] of Object.entries(object)) {
        if (path === kind && ['v', 'kind'].includes(name)) continue;
        const place = isMapping(path) || name === 'role' ? path : `${path}.${name}`;
        for (const other of [null, '', ' ', 'x y', -1, true, {}, [], [null]]) {
          if (sameForm(other, value, `${path}.${name}`)) continue;
          refused(kind, put({ ...object, [name]: other }), `^${literal(place)}`);
        }
      }
    }
  });
});

/** Whether one of the wrong values above happens to be right here. */
function sameForm(other: CanonicalValue, value: CanonicalValue, path: string): boolean {
  if (other === null) return path.endsWith('.destroy_after');
  if (other === 'x y') return /\.(?:table|key_epoch|epoch)$/.test(path);
  if (Array.isArray(value)) return Array.isArray(other) && other.length === 0;
  if (isObject(value)) return isObject(other) && isMapping(path);
  return typeof value === 'boolean' && other === true;
}

describe('values', () => {
  const change = (kind: SignedKind, name: string, value: CanonicalValue) => ({
    ...BODIES[kind],
    [name]: value,
  });

  test.each<[SignedKind, string, CanonicalValue]>([
    ['run.open', 'run', '018F2B6E-7C3A-7D10-9A55-0123456789AB'],
    ['run.open', 'sha256', 'AB'.repeat(32)],
    ['run.open', 'sha256', `sha256:${'ab'.repeat(32)}`],
    ['run.open', 'opened_by', 'ada'],
    ['run.open', 'at', '2026-11-21T18:23:28Z'],
    ['run.open', 'at', '2026-11-21T18:23:28.394Z'],
    ['run.open', 'at', '2026-11-21T18:23:28.394504+00:00'],
    ['run.open', 'at', '2026-02-30T18:23:28.394504Z'],
    ['run.open', 'source', 'store:'],
    ['run.open', 'source', 'stores'],
    ['run.open', 'source', 'control2'],
    ['run.open', 'signed_by', admin.name],
    ['run.open', 'n', 0],
    ['genesis', 'signed_by', worker.name],
    ['genesis', 'origin', 'https://retain.example.com/housing'],
    ['key', 'signed_by', worker.name],
    ['replay', 'signed_by', worker.name],
    ['batch', 'worker', admin.name],
    ['batch', 'action', 'archive'],
    ['batch', 'recovered', 0],
    ['batch', 'txid', '048245'],
    ['batch', 'holds', { checked: false, version: '100' }],
    ['batch', 'items', { count: 0, len: 32, order: 'asc', sha256: NONE }],
    ['batch', 'items', { count: 1, len: 64, order: 'asc', sha256: NONE }],
    ['batch', 'items', { count: 1, len: 32, order: 'desc', sha256: NONE }],
    ['batch', 'parts', { note: -1 }],
    ['batch', 'parts', { '': 1 }],
    ['run.close', 'outcome', 'failed'],
    ['run.close', 'classes', { 'Tenant ': { batches: 1, records: 1 } }],
    ['approval', 'decision', 'maybe'],
    ['hold.place', 'review_on', '2027-02-30'],
    ['hold.place', 'version', 100],
    ['hold.place', 'hold', 0],
    ['plan', 'as_of', '2026-11-21T00:00:00.5Z'],
    ['plan', 'as_of', '2026-11-21T00:00:00+00:00'],
    ['replay', 'runs_abandoned', ['018f2b6e']],
    ['replay', 'sources', { housing: 1 }],
    ['replay', 'lost', { control: { after: 1, batches: { count: 0, sha256: NONE } } }],
    ['replay', 'lost', { 'store:housing': { after: 1 } }],
  ])('%s.%s', (kind, name, value) => {
    refused(kind, change(kind, name, value), new RegExp(name.replace('.', '\\.')));
  });

  test('a batch rests on the approval of its own run', () => {
    const id = '018f2b6e-7c3a-7d10-9a55-0123456789ac';
    refused('batch', change('batch', 'approval', { id, sha256: 'ab'.repeat(32) }), /own run/);
  });

  test('the first link of a chain has no predecessor, and every later one has', () => {
    const link = (n: number, prev: string) => ({ ...BODIES['run.open'], n, prev });
    expect(read('run.open', link(2, 'ab'.repeat(32)))).toBeDefined();
    refused('run.open', link(2, NONE), /prev/);
    refused('run.open', link(1, 'ab'.repeat(32)), /prev/);
    const header = (seq: number, prev: string) => ({ ...BODIES.batch, seq, prev });
    expect(read('batch', header(1, NONE))).toBeDefined();
    refused('batch', header(2, NONE), /prev/);
    refused('batch', header(1, 'ab'.repeat(32)), /prev/);
  });

  test('a key has the name of its role and public key, whatever it is called', () => {
    const refuse = (change: JsonObject) => refused('key', { ...BODIES.key, ...change }, /named by/);
    refuse({ name: 'worker-00000000' });
    refuse({ name: admin.name });
    refuse({ role: 'admin' });
    refuse({ public_key: admin.publicKey.toString('base64') });
    refused('key', { ...LOG_KEY_BODY, name: 'log-00000000' }, /named by/);
    const keys = [{ role: 'admin', name: worker.name, public_key: BODIES.key['public_key'] ?? '' }];
    refused('genesis', change('genesis', 'keys', keys), /keys\[0\].*named by/);
  });

  test("the log's key is the one of its checkpoints: named by the origin, of type 1", () => {
    const elsewhere = formatVkey('elsewhere.example', log.publicKey, NOTE_SIGNATURE.ed25519);
    refused('genesis', change('genesis', 'log_vkey', elsewhere), /origin/);
    const witness = formatVkey(ORIGIN, log.publicKey, NOTE_SIGNATURE.cosignature);
    refused('genesis', change('genesis', 'log_vkey', witness), /plain Ed25519/);
    refused('key', { ...LOG_KEY_BODY, vkey: witness }, /plain Ed25519/);
    refused('key', { ...LOG_KEY_BODY, vkey: 'x+00000000+AQ==' }, /plain Ed25519/);
  });

  test('a key of the log has a vkey and no public key; other keys the other way round', () => {
    const public_key = log.publicKey.toString('base64');
    refused('key', { ...LOG_KEY_BODY, public_key }, /public_key is not a field/);
    const { vkey } = LOG_KEY_BODY;
    refused('key', { ...BODIES.key, vkey: vkey ?? '' }, /vkey is not a field/);
  });

  test('a name that is no plain word is not repeated in the message', () => {
    const body = { ...BODIES['run.open'], 'Ada Lovelace': 1 };
    expect(() => read('run.open', body)).toThrow(/not a field/);
    expect(() => read('run.open', body)).not.toThrow(/Ada/);
  });

  test('names that objects inherit are fields like others', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const json = Object.fromEntries([...Object.entries(BODIES['run.open']), [name, 1]]);
      refused('run.open', json, /not a field/);
    }
    const { run, ...rest } = BODIES['run.open'];
    refused('run.open', rest, /run is missing/);
    expect(run).toBeDefined();
  });
});

test('the name of the signer is that of the format', () => {
  expect(signerName(read('batch', BODIES.batch))).toBe(worker.name);
  expect(signerName(read('run.open', BODIES['run.open']))).toBe(worker.name);
  expect(signerName(read('genesis', BODIES.genesis))).toBe(admin.name);
});

test('the header that a worker seals is a statement of the format', () => {
  const { header } = sealBatch(
    {
      store: 'housing',
      run: RUN,
      step: 1,
      planDigest: `sha256:${'ab'.repeat(32)}`,
      recordClass: 'tenant',
      rule: 'tenant_6_years',
      ruleVersion: 7,
      ruleSha256: '11'.repeat(32),
      action: 'delete',
      table: '"public"."tenant"',
      schemaSha256: '22'.repeat(32),
    },
    {
      batch: '9bf26d7a-5daf-4f86-8179-d5682c1540d1',
      run: RUN,
      step: 1,
      lane: 0,
      seq: 1,
      executedAt: '2026-11-21T18:23:28.394504Z',
      txid: '48245',
      holdVersion: 100,
      parts: {},
      keys: [['1'], ['2']],
    },
    {
      prev: NONE,
      epoch: { id: 'tenant/2026Q4', key: Buffer.alloc(32, 8) },
      signingKey: worker,
      recovered: false,
    },
  );
  const entry = decodeEntry(header);
  if (entry.kind === 'record') throw new Error('a record');
  expect(readStatement(entry)).toMatchObject({ kind: 'batch', items: { count: 2 } });
});
