/** Entries of the log as bytes: what is signed, what is hashed into the tree, what a reader accepts. */
import { invariant, RetentionError } from '../domain/errors.ts';
import { type CanonicalValue, canonicalJson } from './canonical.ts';
import { ENTRY_TYPE, preAuthEncoding } from './dsse.ts';
import { SIGNATURE_BYTES, type SigningKey, verifySignature } from './ed25519.ts';
import { HASH_BYTES, sha256 } from './hashing.ts';
import { malformed } from './text.ts';

/** The kind byte of each signed entry, by its word. `record` entries carry 0x02 and no signature. */
const KIND_BYTES = {
  genesis: 0x00,
  batch: 0x01,
  'run.open': 0x10,
  'run.close': 0x11,
  'rule.version': 0x20,
  approval: 0x21,
  plan: 0x22,
  'hold.place': 0x30,
  'hold.release': 0x31,
  'hold.freeze': 0x35,
  'epoch.open': 0x40,
  'epoch.destroy': 0x41,
  key: 0x50,
  replay: 0x61,
  'guard.install': 0x70,
  'guard.remove': 0x71,
} as const;

export type SignedKind = keyof typeof KIND_BYTES;
export type JsonObject = Readonly<Record<string, CanonicalValue>>;

/** `0x01 ‖ kind ‖ signature ‖ JSON`. The signature is not verified. */
export interface SignedEntry {
  readonly kind: SignedKind;
  /** `json`, parsed: `v` is 1 and `kind` is the kind; nothing is known of the rest. */
  readonly body: JsonObject;
  /** RFC 8785, UTF-8. */
  readonly json: Buffer;
  readonly signature: Buffer;
  /** The complete entry. */
  readonly bytes: Buffer;
}

/** `0x01 ‖ 0x02 ‖ header_hash ‖ ref`: one destroyed record. */
export interface RecordEntry {
  readonly kind: 'record';
  /** SHA-256 of the complete entry of the batch's header. */
  readonly headerSha256: Buffer;
  readonly ref: Buffer;
}

/** An entry bundle (C2SP tlog-tiles) counts the bytes of an entry in 16 bits. */
export const ENTRY_BYTES_MAX = 65_535;
const ENTRY_VERSION = 0x01;
const RECORD_KIND = 0x02;
const SIGNATURE_AT = 2;
const JSON_AT = SIGNATURE_AT + SIGNATURE_BYTES;
const RECORD_BYTES = 2 + 2 * HASH_BYTES;
const KIND_WORDS = new Map<number, SignedKind>(
  // Object.entries forgets which names there are.
  Object.entries(KIND_BYTES).map(([word, byte]) => [byte, word as SignedKind]),
);

/**
 * The signed entry of `body`, which is logged as it is. Throws `INVARIANT_BROKEN` for another `v` or
 * `kind` in it and for what has no canonical JSON, `LEDGER_ENTRY_TOO_LARGE` beyond 65,535 bytes.
 */
export function signEntry(kind: SignedKind, body: JsonObject, key: SigningKey): Buffer {
  invariant(body['v'] === 1 && body['kind'] === kind, 'The body of an entry names another kind.');
  const json = canonicalJson(body);
  if (JSON_AT + json.length > ENTRY_BYTES_MAX) throw tooLarge(kind, JSON_AT + json.length);
  const signature = key.sign(preAuthEncoding(ENTRY_TYPE, json));
  return Buffer.concat([Buffer.of(ENTRY_VERSION, KIND_BYTES[kind]), signature, json]);
}

/**
 * Reads one entry; what it answers shares the memory of `bytes`. Throws `LEDGER_MALFORMED` for an unknown
 * version or kind, a wrong length, and JSON that is not its own RFC 8785 form: doubled names, numbers that
 * are no integers below 2^53, halves of surrogate pairs, another order, blanks.
 */
export function decodeEntry(bytes: Buffer): SignedEntry | RecordEntry {
  if (bytes.length > ENTRY_BYTES_MAX) throw malformed('The entry has more than 65,535 bytes.');
  if (bytes[0] !== ENTRY_VERSION) throw malformed('The entry is not of version 1.');
  if (bytes[1] === RECORD_KIND) return decodeRecord(bytes);
  const kind = KIND_WORDS.get(bytes[1] ?? -1);
  if (kind === undefined) throw malformed('The entry is of an unknown kind.');
  if (bytes.length <= JSON_AT) throw malformed('The entry ends before its JSON.', { kind });
  const json = bytes.subarray(JSON_AT);
  const body = readCanonical(json);
  if (body === undefined)
    throw malformed('The entry has no JSON object in RFC 8785 form.', { kind });
  if (body['v'] !== 1 || body['kind'] !== kind) {
    throw malformed('The JSON of the entry names another version or kind.', { kind });
  }
  return { kind, body, json, signature: bytes.subarray(SIGNATURE_AT, JSON_AT), bytes };
}

/** Whether `publicKey` signed the entry. */
export function verifyEntry(entry: SignedEntry, publicKey: Uint8Array): boolean {
  return verifySignature(publicKey, preAuthEncoding(ENTRY_TYPE, entry.json), entry.signature);
}

/** What later entries name this one by: SHA-256 of all its bytes, 32 bytes. */
export function entrySha256(bytes: Buffer): Buffer {
  return sha256(bytes);
}

function tooLarge(kind: SignedKind, bytes: number): RetentionError {
  return new RetentionError(
    'LEDGER_ENTRY_TOO_LARGE',
    `A ${kind} entry would have ${bytes} bytes; ${ENTRY_BYTES_MAX} are the most.`,
    { kind, bytes },
  );
}

function decodeRecord(bytes: Buffer): RecordEntry {
  if (bytes.length !== RECORD_BYTES) throw malformed('The entry of a record has not 66 bytes.');
  const refAt = SIGNATURE_AT + HASH_BYTES;
  return {
    kind: 'record',
    headerSha256: bytes.subarray(SIGNATURE_AT, refAt),
    ref: bytes.subarray(refAt),
  };
}

/**
 * Whatever a lenient parser drops or rounds (doubled names, long numbers, bad UTF-8) is missing from the
 * canonical form of what it read, so that comparing bytes finds it.
 */
function readCanonical(json: Buffer): JsonObject | undefined {
  try {
    const value = JSON.parse(json.toString('utf8')) as CanonicalValue;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    // Array.isArray does not narrow readonly arrays.
    return canonicalJson(value).equals(json) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}
