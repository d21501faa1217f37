import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTlogProof, parseTlogProof } from '../../ledger/tlog-proof.ts';
import { LAB } from './signing-samples.ts';

const MALFORMED = expect.objectContaining({ code: 'LEDGER_MALFORMED' });
const CHECKPOINT = Buffer.from(LAB.note);
const HASH = Buffer.alloc(32, 0xa5);
const HASH64 = HASH.toString('base64');
const parse = (text: string) => parseTlogProof(Buffer.from(text));

test('the text of the specification', () => {
  const proof = { index: 5, hashes: [HASH, HASH], checkpoint: CHECKPOINT };
  expect(formatTlogProof(proof).toString()).toBe(
    `c2sp.org/tlog-proof@v1\nindex 5\n${HASH64}\n${HASH64}\n\n${LAB.note}`,
  );
  expect(formatTlogProof({ ...proof, extra: Buffer.from('more') }).toString()).toBe(
    `c2sp.org/tlog-proof@v1\nextra bW9yZQ==\nindex 5\n${HASH64}\n${HASH64}\n\n${LAB.note}`,
  );
});

test('every proof is read back as it was written', () => {
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
  const extra = fc.uint8Array({ minLength: 1, maxLength: 80 }).map((bytes) => Buffer.from(bytes));
  const proofs = fc.record(
    {
      index: fc.nat(29_418),
      hashes: fc.array(hash, { maxLength: 53 }),
      checkpoint: fc.constant(CHECKPOINT),
      extra,
    },
    { requiredKeys: ['index', 'hashes', 'checkpoint'] },
  );
  fc.assert(
    fc.property(proofs, (proof) => {
      expect(parseTlogProof(formatTlogProof(proof))).toEqual({ ...proof });
    }),
  );
});

test('a tree of one entry has a proof without hashes', () => {
  const one = Buffer.from(LAB.note.replace('29419', '1'));
  const proof = parseTlogProof(formatTlogProof({ index: 0, hashes: [], checkpoint: one }));
  expect(proof).toEqual({ index: 0, hashes: [], checkpoint: one });
});

describe('refused', () => {
  const start = 'c2sp.org/tlog-proof@v1\n';
  const end = `\n${LAB.note}`;
  test.each([
    ['nothing', ''],
    ['another version', `c2sp.org/tlog-proof@v2\nindex 5\n${end}`],
    ['no header', `index 5\n${end}`],
    ['no index', `${start}${HASH64}\n${end}`],
    ['an index with a leading zero', `${start}index 05\n${end}`],
    ['an index with a sign', `${start}index +5\n${end}`],
    ['an index from 2^53 on', `${start}index 9007199254740992\n${end}`],
    ['an index that is the size', `${start}index 29419\n${end}`],
    ['two blanks before the index', `${start}index  5\n${end}`],
    ['two indices', `${start}index 5\nindex 5\n${end}`],
    ['extra data behind the index', `${start}index 5\nextra bW9yZQ==\n${end}`],
    ['extra data twice', `${start}extra bW9yZQ==\nextra bW9yZQ==\nindex 5\n${end}`],
    ['empty extra data', `${start}extra \nindex 5\n${end}`],
    ['extra data that is no base64', `${start}extra bW9yZQ\nindex 5\n${end}`],
    ['a hash of 31 bytes', `${start}index 5\n${HASH.toString('base64', 1)}\n${end}`],
    ['a hash in hex', `${start}index 5\n${HASH.toString('hex')}\n${end}`],
    ['54 hashes', `${start}index 5\n${`${HASH64}\n`.repeat(54)}${end}`],
    ['no empty line', `${start}index 5\n${LAB.note}`],
    ['no checkpoint', `${start}index 5\n\n`],
    ['a checkpoint without signature', `${start}index 5\n\n${LAB.note.split('\n\n')[0]}\n`],
    ['a note that is no checkpoint', `${start}index 5\n\n${LAB.note.replace('29419', 'x')}`],
    ['a carriage return', `${start}index 5\r\n${end}`],
    ['a byte order mark', `\ufeff${start}index 5\n${end}`],
    ['no line end', `${start}index 5\n${end}`.slice(0, -1)],
    ['half a mebibyte', `${start}extra ${'AAAA'.repeat(131_072)}\nindex 5\n${end}`],
  ])('%s', (_, text) => {
    expect(() => parse(text)).toThrow(MALFORMED);
  });

  test('bytes that are not UTF-8', () => {
    const bytes = formatTlogProof({ index: 5, hashes: [HASH], checkpoint: CHECKPOINT });
    bytes.writeUInt8(0xff, bytes.length - 3);
    expect(() => parseTlogProof(bytes)).toThrow(MALFORMED);
  });

  test.each([
    ['an index beyond the checkpoint', { index: 29_419 }],
    ['half an index', { index: 0.5 }],
    ['a short hash', { hashes: [HASH.subarray(1)] }],
    ['empty extra data', { extra: Buffer.alloc(0) }],
    ['a checkpoint that is none', { checkpoint: Buffer.from('x\n\ny\n') }],
  ])('writing a proof with %s', (_, change) => {
    const proof = { index: 5, hashes: [HASH], checkpoint: CHECKPOINT, ...change };
    expect(() => formatTlogProof(proof)).toThrow(MALFORMED);
  });
});
