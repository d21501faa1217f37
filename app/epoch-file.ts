/**
 * An epoch key as a file: a few lines that say what it is, and the key, wrapped. The hash of the lines is wrapped
 * with the key, so that the wrapping's check value (RFC 3394, section 2.2.3) covers them too.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { type CalendarDate, parseCalendarDate } from '../domain/civil.ts';
import { readBase64 } from '../ledger/text.ts';
import type { KeyWrapper } from './key-wrapper.ts';

export const EPOCH_KEY_BYTES = 32;
/** A KMS may need more for a wrapped key than RFC 3394 does; nothing needs more than this. */
export const EPOCH_FILE_BYTES = 16_384;

export interface StoredEpoch {
  readonly key: Buffer;
  /** The last day on which the key is kept; null until somebody destroys it. */
  readonly destroyAfter: CalendarDate | null;
}

/** What is wrong with a file, as the end of a sentence about it. */
export interface Unreadable {
  readonly fault: string;
}

const FIRST_LINE = 'retain-epoch-key v1';
const ANY_VERSION = /^retain-epoch-key v\d+\n/;
const PLAIN_KEY = /^[0-9a-f]{64}\n?$/;
const FILE =
  /^(retain-epoch-key v1\nepoch (\S+)\nwrapped-by ([\w.:/-]{1,300})\ndestroy-after (\d{4}-\d{2}-\d{2}|none)\n)([A-Za-z0-9+/]+={0,2})\n$/;
const NO_DATE = 'none';

export async function writeEpochFile(
  wrapper: KeyWrapper,
  id: string,
  { key, destroyAfter }: StoredEpoch,
): Promise<string> {
  const head = `${FIRST_LINE}\nepoch ${id}\nwrapped-by ${wrapper.name}\ndestroy-after ${destroyAfter ?? NO_DATE}\n`;
  const secret = Buffer.concat([key, digest(head)]);
  const wrapped = await wrapper.wrap(secret);
  secret.fill(0);
  return `${head}${wrapped.toString('base64')}\n`;
}

/** The key of epoch `id` out of the text of its file. */
export async function readEpochFile(
  wrapper: KeyWrapper,
  id: string,
  text: string,
): Promise<StoredEpoch | Unreadable> {
  const [, head = '', epoch, wrappedBy, day = '', wrapped = ''] = FILE.exec(text) ?? [];
  if (head === '') return { fault: faultOf(text) };
  const destroyAfter = parseCalendarDate(day) ?? null;
  if (destroyAfter === null && day !== NO_DATE) return { fault: 'names a day that does not exist' };
  if (epoch !== id) return { fault: 'is the file of another epoch' };
  if (wrappedBy !== wrapper.name) {
    return { fault: `is wrapped by ${wrappedBy}, and the key that is here is ${wrapper.name}` };
  }
  const bytes = readBase64(wrapped);
  const secret = bytes && (await wrapper.unwrap(bytes));
  const isWhole =
    secret?.length === EPOCH_KEY_BYTES + digest(head).length &&
    timingSafeEqual(secret.subarray(EPOCH_KEY_BYTES), digest(head));
  if (secret === undefined || !isWhole) {
    return { fault: 'was changed since it was written: its check value does not fit' };
  }
  const key = Buffer.from(secret.subarray(0, EPOCH_KEY_BYTES));
  secret.fill(0);
  return { key, destroyAfter };
}

function faultOf(text: string): string {
  if (PLAIN_KEY.test(text)) return 'holds a key that is not wrapped';
  if (text.startsWith(`${FIRST_LINE}\n`)) return 'is cut short or was changed';
  return ANY_VERSION.test(text)
    ? 'is of a version that this Retain does not know'
    : 'is no epoch key';
}

function digest(head: string): Buffer {
  return hash('sha256', head, 'buffer');
}
