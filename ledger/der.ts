/**
 * As much of DER (ITU-T X.690) as a timestamp needs. Lengths are what the other side says: nothing is
 * believed that the bytes at hand do not bear out.
 */
import { RetentionError } from '../domain/errors.ts';

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
} as const;

export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
}

const LONG_LENGTH = 0x80;
const LENGTH_BYTES_MAX = 4;
const HIGH_TAG = 0x1f;

/** One element, with its length in the fewest bytes. */
export function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(content);
  return Buffer.concat([Buffer.of(tag), derLength(bytes.length), bytes]);
}

/** A positive integer of these bytes, most significant first. */
export function derInteger(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const significant = first < 0 ? Buffer.of(0) : bytes.subarray(first);
  const isNegative = (significant[0] ?? 0) >= 0x80;
  return der(TAG.integer, isNegative ? Buffer.of(0) : Buffer.alloc(0), significant);
}

/**
 * The elements that `bytes` are made of, one behind the other to the last byte. Throws
 * `TIMESTAMP_INVALID` for lengths that are indefinite, not minimal or beyond the end, and for tags of more
 * than one byte.
 */
export function readDer(bytes: Buffer): DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0;
    if ((tag & HIGH_TAG) === HIGH_TAG) throw timestampInvalid('it has a tag of several bytes');
    const { length, start } = readLength(bytes, at + 1);
    const end = start + length;
    if (end > bytes.length) throw timestampInvalid('it ends within an element');
    elements.push({ tag, content: bytes.subarray(start, end) });
    at = end;
  }
  return elements;
}

function readLength(bytes: Buffer, at: number): { length: number; start: number } {
  const first = bytes[at];
  if (first === undefined) throw timestampInvalid('it ends within an element');
  if (first < LONG_LENGTH) return { length: first, start: at + 1 };
  const count = first - LONG_LENGTH;
  const start = at + 1 + count;
  if (count === 0 || count > LENGTH_BYTES_MAX || start > bytes.length) {
    throw timestampInvalid('it has a length that cannot be');
  }
  const length = bytes.readUIntBE(at + 1, count);
  if (!derLength(length).equals(bytes.subarray(at, start))) {
    throw timestampInvalid('it has a length that is not written in the fewest bytes');
  }
  return { length, start };
}

function derLength(length: number): Buffer {
  if (length < LONG_LENGTH) return Buffer.of(length);
  const bytes = Buffer.alloc(LENGTH_BYTES_MAX);
  bytes.writeUInt32BE(length);
  const significant = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.of(LONG_LENGTH + significant.length), significant]);
}

/** `why` is one clause about the timestamp, and stands in the facts too. */
export function timestampInvalid(why: string): RetentionError {
  return new RetentionError(
    'TIMESTAMP_INVALID',
    `The answer of the timestamp authority is of no use: ${why}. Check its address, or choose another authority.`,
    { why },
  );
}
