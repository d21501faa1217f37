import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeKey,
  hasReference,
  keyCommitment,
  packReferences,
  reference,
  runKey,
} from '../../ledger/references.ts';
import { sortReferences } from '../../ledger/sort-references.ts';

const EPOCH_KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
const RUN = '018f2b6e-7c3a-7d10-9a55-0123456789ab';
const RUN_KEY = runKey(EPOCH_KEY, RUN);

const wellFormed = fc.string({ unit: 'binary' });
const keyColumns = fc.array(fc.oneof(wellFormed, fc.bigInt().map(String)), {
  minLength: 1,
  maxLength: 4,
});
const keySet = fc.uniqueArray(keyColumns, {
  maxLength: 60,
  selector: (columns) => JSON.stringify(columns),
});

function unpack(packed: Buffer): string[] {
  return Array.from({ length: packed.length / 32 }, (_, i) =>
    packed.toString('hex', i * 32, i * 32 + 32),
  );
}

describe('the published vectors', () => {
  test('the key of a run', () => {
    expect(RUN_KEY.toString('hex')).toBe(
      '6fcf7548b19c6c43386a86724b08ea919d10d463086c6d8b4d228fcadcdc0695',
    );
  });

  test('the commitment to an epoch key', () => {
    const key = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
    expect(keyCommitment(key).toString('hex')).toBe(
      'cbebeb12fb55b999e3ea3ce61a24bcb0cf66484da7e9aff4dc675412a3c95e41',
    );
  });

  test('the encoding, the salt and the reference of a key', () => {
    const encoded = encodeKey(['4321']);
    expect(encoded.toString('hex')).toBe('0000000434333231');
    const { salt, ref } = reference(RUN_KEY, encoded);
    expect(salt.toString('hex')).toBe(
      '337759572b7c0f4997794de232f29b5d693d72322bfb08fafa2073908ccd68ce',
    );
    expect(ref.toString('hex')).toBe(
      'c3562aeadcd9f54c13decc6bf4d327929847ce9624235f3f9ac1f12b586c4093',
    );
    expect(packReferences(RUN_KEY, [['4321']]).equals(ref)).toBe(true);
  });
});

describe('the encoding of keys', () => {
  test('is injective over any columns and any number of them', () => {
    fc.assert(
      fc.property(keyColumns, keyColumns, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        expect(encodeKey(a).equals(encodeKey(b))).toBe(same);
      }),
      { numRuns: 1_000 },
    );
  });

  test('does not confuse where one column ends and the next begins', () => {
    const encodings = [['ab', 'c'], ['a', 'bc'], ['abc'], ['abc', ''], ['', 'abc']];
    const distinct = new Set(encodings.map((columns) => encodeKey(columns).toString('hex')));
    expect(distinct.size).toBe(encodings.length);
  });

  test('counts bytes of UTF-8, and has a form for the empty text', () => {
    expect(encodeKey(['é', '']).toString('hex')).toBe('00000002c3a900000000');
  });

  test('refuses no columns, and text that would not come back from UTF-8', () => {
    expect(() => encodeKey([])).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }));
    for (const half of ['\ud83d', 'a\udc00b']) {
      const error = expect.objectContaining({ code: 'KEY_INVALID' });
      expect(() => encodeKey([half])).toThrow(error);
      expect(() => packReferences(RUN_KEY, [[half]])).toThrow(error);
    }
  });
});

describe('packed references', () => {
  test('are exactly those of the keys, strictly ascending, and all are found again', () => {
    fc.assert(
      fc.property(keySet, (keys) => {
        const packed = packReferences(RUN_KEY, keys);
        const expected = keys.map((columns) => reference(RUN_KEY, encodeKey(columns)).ref);
        expect(unpack(packed)).toEqual(expected.map((ref) => ref.toString('hex')).sort());
        expect(new Set(unpack(packed)).size).toBe(keys.length);
        for (const ref of expected) expect(hasReference(packed, ref)).toBe(true);
      }),
    );
  });

  test('do not depend on the order of the keys', () => {
    fc.assert(
      fc.property(keySet, (keys) => {
        const reversed = packReferences(RUN_KEY, [...keys].reverse());
        expect(packReferences(RUN_KEY, keys).equals(reversed)).toBe(true);
      }),
    );
  });

  test('are others under the key of another epoch or run', () => {
    fc.assert(
      fc.property(
        keyColumns,
        fc.uuid(),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (columns, run, key) => {
          fc.pre(run !== RUN && !Buffer.from(key).equals(EPOCH_KEY));
          const packed = packReferences(RUN_KEY, [columns]);
          for (const foreign of [runKey(EPOCH_KEY, run), runKey(Buffer.from(key), RUN)]) {
            expect(hasReference(packed, reference(foreign, encodeKey(columns)).ref)).toBe(false);
          }
        },
      ),
    );
  });

  test('refuse a record that is named twice, without saying which', () => {
    const twice = [['20417'], ['1'], ['20417']];
    expect(() => packReferences(RUN_KEY, twice)).toThrow(
      expect.objectContaining({ code: 'BATCH_MISMATCH' }),
    );
    expect(() => packReferences(RUN_KEY, twice)).not.toThrow(/20417/);
  });

  test('nothing is found in an empty pack or beside the references of a full one', () => {
    const stranger = reference(RUN_KEY, encodeKey(['stranger'])).ref;
    expect(hasReference(Buffer.alloc(0), stranger)).toBe(false);
    const packed = packReferences(
      RUN_KEY,
      Array.from({ length: 257 }, (_, i) => [String(i)]),
    );
    expect(hasReference(packed, stranger)).toBe(false);
    expect(hasReference(packed, Buffer.alloc(32, 0x00))).toBe(false);
    expect(hasReference(packed, Buffer.alloc(32, 0xff))).toBe(false);
  });

  test('are right for 20,000 keys, where some agree in their first four bytes by chance', () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => [String(i)]);
    const refs = unpack(packReferences(RUN_KEY, keys));
    expect(refs).toEqual([...refs].sort());
    expect(new Set(refs).size).toBe(keys.length);
  });
});

describe('sorting', () => {
  test('orders references that agree in any number of leading bytes', () => {
    const ref = fc
      .tuple(fc.integer({ min: 0, max: 32 }), fc.uint8Array({ minLength: 32, maxLength: 32 }))
      .map(([same, tail]) => Buffer.concat([Buffer.alloc(same, 0xf0), tail]).subarray(0, 32));
    const refs = fc.uniqueArray(ref, {
      maxLength: 40,
      selector: (r) => Buffer.from(r).toString('hex'),
    });
    fc.assert(
      fc.property(refs, (list) => {
        const sorted = unpack(sortReferences(Buffer.concat(list)));
        expect(sorted).toEqual(list.map((r) => Buffer.from(r).toString('hex')).sort());
      }),
    );
  });

  test('refuses two that are equal, wherever they stand', () => {
    const [a, b] = [randomBytes(32), randomBytes(32)];
    expect(() => sortReferences(Buffer.concat([a, b, a]))).toThrow(
      expect.objectContaining({ code: 'BATCH_MISMATCH' }),
    );
    expect(sortReferences(Buffer.concat([a, b])).length).toBe(64);
  });
});

test('a key or a run of the wrong shape is refused', () => {
  for (const key of [Buffer.alloc(0), Buffer.alloc(31), Buffer.alloc(33)]) {
    expect(() => runKey(key, RUN)).toThrow(/32 bytes/);
    expect(() => packReferences(key, [['1']])).toThrow(/32 bytes/);
  }
  expect(() => runKey(EPOCH_KEY, 'run-1')).toThrow(/UUID/);
});
