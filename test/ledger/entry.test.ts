import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { CanonicalValue } from '../../ledger/canonical.ts';
import { ENTRY_TYPE, preAuthEncoding } from '../../ledger/dsse.ts';
import { verifySignature } from '../../ledger/ed25519.ts';
import {
  decodeEntry,
  entrySha256,
  type RecordEntry,
  type SignedEntry,
  signEntry,
  verifyEntry,
} from '../../ledger/entry.ts';
import { leafHash } from '../../ledger/hashing.ts';
import { recordEntry } from '../../ledger/record-entries.ts';
import { admin, BODIES, KINDS, worker } from './signing-samples.ts';

const MALFORMED = expect.objectContaining({ code: 'LEDGER_MALFORMED' });
const SIGNATURE = Buffer.alloc(64, 7);
const BATCH = signEntry('batch', BODIES.batch, worker);

/** An entry with this JSON and any signature: decoding does not verify. */
const withJson = (json: string | Buffer, kind = 0x70) =>
  Buffer.concat([Buffer.of(0x01, kind), SIGNATURE, Buffer.from(json)]);

function decodeSigned(bytes: Buffer): SignedEntry {
  const entry = decodeEntry(bytes);
  if (entry.kind === 'record') throw new Error('a record');
  return entry;
}

describe('signed entries', () => {
  /** The kind bytes of the format. A changed byte would be another log. */
  const bytes: readonly (readonly [string, number])[] = [
    ['genesis', 0x00],
    ['batch', 0x01],
    ['run.open', 0x10],
    ['run.close', 0x11],
    ['rule.version', 0x20],
    ['approval', 0x21],
    ['plan', 0x22],
    ['hold.place', 0x30],
    ['hold.release', 0x31],
    ['hold.freeze', 0x35],
    ['epoch.open', 0x40],
    ['epoch.destroy', 0x41],
    ['key', 0x50],
    ['replay', 0x61],
    ['guard.install', 0x70],
    ['guard.remove', 0x71],
  ];

  test('every kind has its byte, and there are no others', () => {
    expect(bytes.map(([kind]) => kind).sort()).toEqual([...KINDS].sort());
    for (const [kind, byte] of bytes) {
      const known = KINDS.find((one) => one === kind);
      if (known !== undefined) expect(signEntry(known, BODIES[known], admin)[1]).toBe(byte);
    }
    const known = new Set(bytes.map(([, byte]) => byte));
    for (let byte = 0; byte < 256; byte += 1) {
      if (known.has(byte) || byte === 0x02) continue;
      expect(() => decodeEntry(withJson('{"kind":"batch","v":1}', byte))).toThrow(/unknown kind/);
    }
  });

  test.each(KINDS)('%s: what was signed is what is read, and the signature is of it', (kind) => {
    const bytes = signEntry(kind, BODIES[kind], worker);
    const entry = decodeSigned(bytes);
    expect(entry.kind).toBe(kind);
    expect(entry.body).toEqual(BODIES[kind]);
    expect(entry.bytes).toBe(bytes);
    expect(bytes[0]).toBe(0x01);
    expect(bytes.subarray(66).equals(entry.json)).toBe(true);
    expect(verifyEntry(entry, worker.publicKey)).toBe(true);
    expect(verifyEntry(entry, admin.publicKey)).toBe(false);
    expect(signEntry(kind, BODIES[kind], worker).equals(bytes)).toBe(true);
  });

  test('the signature is over the pre-authentication encoding, not over the JSON', () => {
    const { json, signature } = decodeSigned(BATCH);
    const type = 'application/vnd.retain.entry.v1+json';
    expect(ENTRY_TYPE).toBe(type);
    const signed = Buffer.concat([Buffer.from(`DSSEv1 36 ${type} ${json.length} `), json]);
    expect(verifySignature(worker.publicKey, signed, signature)).toBe(true);
    expect(verifySignature(worker.publicKey, json, signature)).toBe(false);
  });

  test('every single flipped bit is refused or fails its signature', () => {
    for (let bit = 0; bit < BATCH.length * 8; bit += 1) {
      const bytes = Buffer.from(BATCH);
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      let accepted = false;
      try {
        accepted = verifyEntry(decodeSigned(bytes), worker.publicKey);
      } catch (error) {
        expect(error).toEqual(MALFORMED);
      }
      expect(accepted, `bit ${bit}`).toBe(false);
    }
  });

  test('an entry of 65,535 bytes is the longest', () => {
    const fill = (bytes: number) => {
      const body = { v: 1, kind: 'guard.install', text: '' };
      const rest = signEntry('guard.install', body, worker).length;
      return { ...body, text: 'x'.repeat(bytes - rest) };
    };
    const longest = signEntry('guard.install', fill(65_535), worker);
    expect(longest.length).toBe(65_535);
    expect(decodeEntry(longest).kind).toBe('guard.install');
    expect(() => signEntry('guard.install', fill(65_536), worker)).toThrow(
      expect.objectContaining({ code: 'LEDGER_ENTRY_TOO_LARGE' }),
    );
    expect(() =>
      decodeEntry(withJson(`{"kind":"guard.install","text":"${'x'.repeat(65_500)}","v":1}`)),
    ).toThrow(/65,535/);
  });

  test.each<[string, Record<string, CanonicalValue>]>([
    ['another kind', { v: 1, kind: 'run.open' }],
    ['no kind', { v: 1 }],
    ['another version', { v: 2, kind: 'batch' }],
    ['no version', { kind: 'batch' }],
  ])('a body with %s is not signed', (_, body) => {
    expect(() => signEntry('batch', body, worker)).toThrow(
      expect.objectContaining({ code: 'INVARIANT_BROKEN' }),
    );
  });
});

describe('JSON that is not the canonical form of itself is refused', () => {
  const good = '{"a":"b","kind":"guard.install","v":1}';

  test('the good one is read', () => {
    expect(decodeSigned(withJson(good)).body).toEqual({ a: 'b', kind: 'guard.install', v: 1 });
  });

  const member = (json: string) => `{"a":${json},"kind":"guard.install","v":1}`;
  test.each([
    ['a name twice', '{"a":"b","a":"b","kind":"guard.install","v":1}'],
    [
      'a name twice, the second time escaped',
      '{"a":"b","\\u0061":"b","kind":"guard.install","v":1}',
    ],
    ['the kind twice', '{"kind":"guard.remove","kind":"guard.install","v":1}'],
    ['names in another order', '{"kind":"guard.install","a":"b","v":1}'],
    ['a blank', '{"a": "b","kind":"guard.install","v":1}'],
    ['a line end behind it', `${good}\n`],
    ['a byte order mark', `\ufeff${good}`],
    ['a second value', `${good}{}`],
    ['2^53', member('9007199254740992')],
    ['2^53 + 1, which parses as 2^53', member('9007199254740993')],
    ['a long number', member('123456789012345678901234567890')],
    ['a number beyond doubles', member('1e999')],
    ['a fraction', member('1.5')],
    ['an integer with a fraction', member('1.0')],
    ['an integer with an exponent', member('1e1')],
    ['minus zero', member('-0')],
    ['half a surrogate pair', member('"\\ud83d"')],
    ['half a surrogate pair in a name', '{"\\udc00":1,"kind":"guard.install","v":1}'],
    ['an escape that need not be', member('"\\u0062"')],
    ['an escaped slash', member('"\\/"')],
    ['upper-case hex in an escape', member('"\\u001F"')],
    ['an array', '[1]'],
    ['a string', '"guard.install"'],
    ['null', 'null'],
    ['a number', '1'],
    ['33 levels', member('['.repeat(33) + ']'.repeat(33))],
    ['30,000 levels', member('['.repeat(30_000) + ']'.repeat(30_000))],
    ['no end', good.slice(0, -1)],
    ['no quotes', '{a:"b"}'],
    ['NaN', member('NaN')],
    ['another kind than its byte', '{"kind":"guard.remove","v":1}'],
    ['a kind that is inherited', '{"__proto__":{"kind":"guard.install"},"v":1}'],
    ['version 2', '{"kind":"guard.install","v":2}'],
    ['version 1 as text', '{"kind":"guard.install","v":"1"}'],
  ])('%s', (_, json) => {
    expect(() => decodeEntry(withJson(json))).toThrow(MALFORMED);
  });

  test('bytes that are not UTF-8', () => {
    for (const bytes of ['ff', 'c080', 'eda080', 'c3', 'f4908080']) {
      const json = Buffer.from(good.replace('"b"', '"?"'));
      const at = json.indexOf('?');
      const broken = Buffer.concat([
        json.subarray(0, at),
        Buffer.from(bytes, 'hex'),
        json.subarray(at + 1),
      ]);
      expect(() => decodeEntry(withJson(broken))).toThrow(MALFORMED);
    }
    expect(decodeSigned(withJson(member('"\ufffd"'))).body['a']).toBe('\ufffd');
  });

  test('the message does not repeat what was read', () => {
    expect(() => decodeEntry(withJson('{"name":"CANARY","v":1 }'))).not.toThrow(/CANARY/);
  });
});

describe('entries of records', () => {
  const header = Buffer.alloc(32, 0xab);
  const ref = Buffer.from(
    'c3562aeadcd9f54c13decc6bf4d327929847ce9624235f3f9ac1f12b586c4093',
    'hex',
  );

  test('the published vector: 66 bytes and their leaf hash', () => {
    const bytes = Buffer.concat([Buffer.of(0x01, 0x02), header, ref]);
    expect(recordEntry(header, ref).equals(bytes)).toBe(true);
    expect(leafHash(bytes).toString('hex')).toBe(
      '02bd99dd6d8ac116ec7e99387026795f4f59a275d5633ff79bdf55768964b766',
    );
    const entry = decodeEntry(bytes) as RecordEntry;
    expect(entry.kind).toBe('record');
    expect(entry.headerSha256.equals(header)).toBe(true);
    expect(entry.ref.equals(ref)).toBe(true);
  });

  test.each([0, 1, 2, 65, 67, 98])('%d bytes are no record', (length) => {
    const bytes = Buffer.alloc(length, 0x55);
    Buffer.of(0x01, 0x02).copy(bytes);
    expect(() => decodeEntry(bytes)).toThrow(MALFORMED);
  });
});

describe('what is no entry at all', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a version alone', Buffer.of(0x01)],
    ['version 0', Buffer.concat([Buffer.of(0x00), BATCH.subarray(1)])],
    ['version 2', Buffer.concat([Buffer.of(0x02), BATCH.subarray(1)])],
    ['half a signature', BATCH.subarray(0, 40)],
    ['no JSON', BATCH.subarray(0, 66)],
    ['a record with a commitment', Buffer.concat([Buffer.of(0x01, 0x03), Buffer.alloc(96)])],
  ])('%s', (_, bytes) => {
    expect(() => decodeEntry(bytes)).toThrow(MALFORMED);
  });
});

test('the hash of an entry is over all its bytes', () => {
  expect(entrySha256(BATCH).toString('hex')).toBe(createHash('sha256').update(BATCH).digest('hex'));
});

describe('pre-authentication encoding', () => {
  test('the example of the specification', () => {
    const encoded = preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world'));
    expect(encoded.toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  });

  test('lengths are of bytes, so that type and body cannot be shifted', () => {
    expect(preAuthEncoding('ä', Buffer.from('€')).toString()).toBe('DSSEv1 2 ä 3 €');
    const one = preAuthEncoding('a', Buffer.from('1 b'));
    const other = preAuthEncoding('a 3 1', Buffer.from('b'));
    expect(one.equals(other)).toBe(false);
  });
});
