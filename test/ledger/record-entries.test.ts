import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { leafHash, sha256 } from '../../ledger/hashing.ts';
import { batchLeafHashes, recordEntry } from '../../ledger/record-entries.ts';
import { leafOf } from './rfc6962.ts';

const REF = Buffer.from('c3562aeadcd9f54c13decc6bf4d327929847ce9624235f3f9ac1f12b586c4093', 'hex');

test('the published vector: entry and leaf hash of a record', () => {
  const entry = recordEntry(Buffer.alloc(32, 0xab), REF);
  expect(entry.toString('hex')).toBe(`0102${'ab'.repeat(32)}${REF.toString('hex')}`);
  expect(leafHash(entry).toString('hex')).toBe(
    '02bd99dd6d8ac116ec7e99387026795f4f59a275d5633ff79bdf55768964b766',
  );
});

test.each([0, 1, 2, 257])(
  'the leaf hashes of a batch of %d records are those of its entries, header first',
  (count) => {
    const header = randomBytes(900);
    const refs = randomBytes(count * 32);
    const entries = Array.from({ length: count }, (_, i) =>
      recordEntry(sha256(header), refs.subarray(i * 32, i * 32 + 32)),
    );
    const expected = Buffer.concat([header, ...entries].map(leafOf));
    expect(batchLeafHashes(header, refs).equals(expected)).toBe(true);
  },
);

test('batches are hashed each for itself, and their bytes stay as they were', () => {
  const [headers, refs] = [
    [randomBytes(700), randomBytes(900)],
    [randomBytes(320), randomBytes(64)],
  ] as const;
  const before = Buffer.concat([...headers, ...refs]);
  const first = batchLeafHashes(headers[0], refs[0]);
  const copy = Buffer.from(first);
  expect(batchLeafHashes(headers[1], refs[1]).length).toBe(3 * 32);
  expect(first.equals(copy)).toBe(true);
  expect(Buffer.concat([...headers, ...refs]).equals(before)).toBe(true);
});

test('another header gives every record another leaf', () => {
  const refs = randomBytes(64);
  const [a, b] = [batchLeafHashes(Buffer.from('a'), refs), batchLeafHashes(Buffer.from('b'), refs)];
  for (let i = 0; i < 3; i += 1) {
    const at = [i * 32, (i + 1) * 32] as const;
    expect(a.subarray(...at).equals(b.subarray(...at))).toBe(false);
  }
});

test('a hash or a reference that is cut is refused', () => {
  const refused = expect.objectContaining({ code: 'INVARIANT_BROKEN' });
  const hash = Buffer.alloc(32);
  expect(() => recordEntry(hash.subarray(1), REF)).toThrow(refused);
  expect(() => recordEntry(hash, Buffer.concat([REF, REF]))).toThrow(refused);
  expect(() => batchLeafHashes(Buffer.from('header'), Buffer.alloc(33))).toThrow(refused);
});
