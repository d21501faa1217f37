/**
 * Readers for the small text formats of the log. What they accept has exactly one spelling: writing it
 * again gives the same bytes.
 */
import { type ErrorFacts, RetentionError } from '../domain/errors.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const DECIMAL = /^(?:0|[1-9]\d{0,15})$/;
const SPACE = 0x20;
const NEWLINE = 0x0a;

/** The error for bytes of the log that are not what the format says. `message` never repeats them. */
export function malformed(message: string, facts: ErrorFacts = {}): RetentionError {
  return new RetentionError('LEDGER_MALFORMED', message, facts);
}

/**
 * The text of `bytes`: at most `maxBytes` of valid UTF-8 without ASCII control characters but newline,
 * with a newline at its end (C2SP signed-note, Format). Throws `LEDGER_MALFORMED` with `what` as subject.
 */
export function readText(bytes: Uint8Array, what: string, maxBytes: number): string {
  if (bytes.length > maxBytes) {
    throw malformed(`${what} has more than ${maxBytes} bytes.`, { bytes: bytes.length });
  }
  if (bytes.at(-1) !== NEWLINE) throw malformed(`${what} does not end with a line end.`);
  if (bytes.some((byte) => byte < SPACE && byte !== NEWLINE)) {
    throw malformed(`${what} has a control character.`);
  }
  const text = decodeUtf8(bytes);
  if (text === undefined) throw malformed(`${what} is not UTF-8.`);
  return text;
}

/** Undefined for bytes that are not UTF-8. A byte order mark is a character like others. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * The bytes of standard base64 with padding (RFC 4648, section 4). Undefined for every other spelling:
 * without padding, with spare bits set, with characters of other alphabets, with blanks.
 */
export function readBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** A whole number below 2^53 in decimal without leading zeros; undefined for anything else. */
export function readDecimal(text: string): number | undefined {
  const value = Number(text);
  return DECIMAL.test(text) && Number.isSafeInteger(value) ? value : undefined;
}
