import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatCheckpoint, isOrigin, parseCheckpoint } from '../../ledger/checkpoint.ts';
import { parseNote } from '../../ledger/note.ts';
import { LAB, ORIGIN, PUBLIC } from './signing-samples.ts';

const MALFORMED = expect.objectContaining({ code: 'LEDGER_MALFORMED' });
const ROOT = Buffer.alloc(32, 0xfb);
const ROOT64 = ROOT.toString('base64');

test('the published checkpoints are read and written back', () => {
  for (const { note, size } of [
    { note: LAB.note, size: 29_419 },
    { note: PUBLIC.note, size: 1_432_088_532 },
  ]) {
    const { text } = parseNote(Buffer.from(note));
    const checkpoint = parseCheckpoint(text);
    expect(checkpoint).toMatchObject({ size, extensions: [] });
    expect(formatCheckpoint(checkpoint)).toBe(text);
  }
});

test('every head is read back as it was written', () => {
  const root = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.maxSafeNat(), root, (size, bytes) => {
      const head = { origin: ORIGIN, size, root: bytes };
      expect(parseCheckpoint(formatCheckpoint(head))).toEqual({ ...head, extensions: [] });
    }),
  );
});

test('the size goes up to 2^53 - 1', () => {
  const sized = (size: string) => `${ORIGIN}\n${size}\n${ROOT64}\n`;
  expect(parseCheckpoint(sized('0')).size).toBe(0);
  expect(parseCheckpoint(sized('9007199254740991')).size).toBe(Number.MAX_SAFE_INTEGER);
  for (const size of ['9007199254740992', '9007199254740993', '18446744073709551615']) {
    expect(() => parseCheckpoint(sized(size))).toThrow(/below 2\^53/);
  }
});

test('extension lines and foreign origins are shown as they are', () => {
  const read = parseCheckpoint(`Some Log + more\n7\n${ROOT64}\nTimestamp: 1\n=x\n`);
  expect(read).toEqual({
    origin: 'Some Log + more',
    size: 7,
    root: ROOT,
    extensions: ['Timestamp: 1', '=x'],
  });
});

test.each([
  ['nothing', ''],
  ['two lines', `${ORIGIN}\n7\n`],
  ['no last line end', `${ORIGIN}\n7\n${ROOT64}`],
  ['no origin', `\n7\n${ROOT64}\n`],
  ['an empty extension line', `${ORIGIN}\n7\n${ROOT64}\n\n`],
  ['an empty line among extensions', `${ORIGIN}\n7\n${ROOT64}\n\nx\n`],
  ['a control character in the origin', `a\tb\n7\n${ROOT64}\n`],
  ['a control character in an extension', `${ORIGIN}\n7\n${ROOT64}\nx\r\n`],
  ['no size', `${ORIGIN}\n\n${ROOT64}\n`],
  ['a leading zero', `${ORIGIN}\n07\n${ROOT64}\n`],
  ['two zeros', `${ORIGIN}\n00\n${ROOT64}\n`],
  ['a sign', `${ORIGIN}\n+7\n${ROOT64}\n`],
  ['a negative size', `${ORIGIN}\n-7\n${ROOT64}\n`],
  ['a fraction', `${ORIGIN}\n7.0\n${ROOT64}\n`],
  ['an exponent', `${ORIGIN}\n7e1\n${ROOT64}\n`],
  ['hexadecimal', `${ORIGIN}\n0x7\n${ROOT64}\n`],
  ['blanks around the size', `${ORIGIN}\n 7\n${ROOT64}\n`],
  ['other digits', `${ORIGIN}\n\u0667\n${ROOT64}\n`],
  ['a root of 31 bytes', `${ORIGIN}\n7\n${Buffer.alloc(31).toString('base64')}\n`],
  ['a root of 33 bytes', `${ORIGIN}\n7\n${Buffer.alloc(33).toString('base64')}\n`],
  ['a root without padding', `${ORIGIN}\n7\n${ROOT64.slice(0, -1)}\n`],
  ['a root with spare bits', `${ORIGIN}\n7\n${ROOT64.slice(0, -2)}v=\n`],
  ['a root in the alphabet of addresses', `${ORIGIN}\n7\n${ROOT.toString('base64url')}=\n`],
  ['a root in hex', `${ORIGIN}\n7\n${ROOT.toString('hex')}\n`],
])('refused: %s', (_, text) => {
  expect(() => parseCheckpoint(text)).toThrow(MALFORMED);
});

test('origins of ours are a host and a path', () => {
  for (const origin of ['example.com/log42', 'localhost', 'a.b-c.example/X/y_z~1.2', ORIGIN]) {
    expect(isOrigin(origin), origin).toBe(true);
  }
  const wrong = [
    ...['', 'https://example.com', 'example.com/', '/log', 'Example.com', 'a b', 'a+b', 'a\n'],
    ...['example..com', '-a.com', 'example.com//x', 'ex\u00e4mple.com', `a/${'x'.repeat(254)}`],
  ];
  for (const origin of wrong) {
    expect(isOrigin(origin), origin).toBe(false);
    expect(() => formatCheckpoint({ origin, size: 1, root: ROOT })).toThrow(
      expect.objectContaining({ code: 'INVARIANT_BROKEN' }),
    );
  }
});

test.each([
  ['a negative size', { size: -1, root: ROOT }],
  ['a fraction of an entry', { size: 1.5, root: ROOT }],
  ['2^53 entries', { size: 2 ** 53, root: ROOT }],
  ['a short root', { size: 1, root: ROOT.subarray(1) }],
])('no checkpoint is written with %s', (_, head) => {
  expect(() => formatCheckpoint({ origin: ORIGIN, ...head })).toThrow(
    expect.objectContaining({ code: 'INVARIANT_BROKEN' }),
  );
});
