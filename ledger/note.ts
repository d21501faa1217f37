/**
 * Signed notes: text that says nothing until a known key's signature under it is verified
 * (c2sp.org/signed-note@v1.0.0).
 */
import { invariant, RetentionError } from '../domain/errors.ts';
import { verifyCosignature } from './cosignature.ts';
import { type SigningKey, verifySignature } from './ed25519.ts';
import {
  isKeyName,
  KEY_ID_BYTES,
  NOTE_SIGNATURE,
  noteVerifier,
  signatureLine,
  type Verifier,
} from './note-key.ts';
import { malformed, readBase64, readText } from './text.ts';

/** One signature line as it stands; nothing is known of its key. */
export interface NoteSignature {
  readonly name: string;
  /** 8 lower-case hex digits. */
  readonly keyId: string;
  /** What follows the key id: 64 bytes of Ed25519, 72 of a cosignature, others of other types. */
  readonly signature: Buffer;
}

export interface Note {
  /** With its last line end. */
  readonly text: string;
  /** At least one, in the order of the note. */
  readonly signatures: readonly NoteSignature[];
}

/** A signature that was found good. */
export interface VerifiedSignature {
  readonly verifier: Verifier;
  /** When a witness cosigned, by its own clock; seconds since 1970. */
  readonly unixSeconds?: number;
}

const NOTE_BYTES_MAX = 262_144;
const SIGNATURES_MAX = 100;
const SIGNATURE_LINE = /^\u2014 ([^ ]+) ([^ ]+)$/u;
const NOTE_TEXT = /^(?:[^\p{Cc}\p{Surrogate}]*\n)+$/u;

/** The line by which `name` signs `text` with a plain Ed25519 key. */
export function signNote(text: string, key: SigningKey, name: string): string {
  invariant(NOTE_TEXT.test(text), 'The text of a note is lines without control characters.');
  const { keyId } = noteVerifier(name, key.publicKey, NOTE_SIGNATURE.ed25519);
  return signatureLine(name, keyId, key.sign(Buffer.from(text, 'utf8')));
}

/** The note of a text and its signature lines. */
export function formatNote(text: string, lines: readonly string[]): Buffer {
  return Buffer.from(`${text}\n${lines.map((line) => `${line}\n`).join('')}`, 'utf8');
}

/**
 * Splits a note at its last empty line. Throws `LEDGER_MALFORMED` for more than 256 KiB or 100 signatures,
 * for what is not UTF-8, for control characters, and for signature lines that are spelt another way than
 * `signatureLine` writes them. Verifies nothing.
 */
export function parseNote(bytes: Uint8Array): Note {
  const all = readText(bytes, 'The note', NOTE_BYTES_MAX);
  const split = all.lastIndexOf('\n\n');
  if (split < 0) throw malformed('A note has an empty line between its text and its signatures.');
  const lines = all.slice(split + 2, -1).split('\n');
  if (lines.length > SIGNATURES_MAX) {
    throw malformed(`The note has more than ${SIGNATURES_MAX} signatures.`);
  }
  return { text: all.slice(0, split + 1), signatures: lines.map(parseSignatureLine) };
}

/**
 * The signatures of known keys, in the order of the note; lines of other keys are passed over, also when
 * they share a known name or a known id. Throws `SIGNATURE_INVALID` when a signature of a known key fails,
 * whatever the others say, and when no known key signed.
 */
export function verifyNote(note: Note, verifiers: readonly Verifier[]): VerifiedSignature[] {
  const known = new Map(verifiers.map((verifier) => [identity(verifier), verifier]));
  invariant(known.size === verifiers.length, 'Two keys cannot have one name and one id.');
  const verified = note.signatures.flatMap((signature) => {
    const verifier = known.get(identity(signature));
    return verifier === undefined ? [] : [verifyOne(verifier, note.text, signature)];
  });
  if (verified.length === 0) {
    throw new RetentionError('SIGNATURE_INVALID', 'No known key has signed the note.');
  }
  return verified;
}

function verifyOne(
  verifier: Verifier,
  text: string,
  { signature }: NoteSignature,
): VerifiedSignature {
  const { publicKey, type } = verifier;
  if (type === NOTE_SIGNATURE.cosignature) {
    const unixSeconds = verifyCosignature(publicKey, text, signature);
    if (unixSeconds !== undefined) return { verifier, unixSeconds };
  } else if (verifySignature(publicKey, Buffer.from(text, 'utf8'), signature)) {
    return { verifier };
  }
  throw new RetentionError(
    'SIGNATURE_INVALID',
    'A signature of a known key under the note is bad.',
    {
      key: `${verifier.name}+${verifier.keyId}`,
    },
  );
}

function parseSignatureLine(line: string): NoteSignature {
  const [, name = '', base64 = ''] = SIGNATURE_LINE.exec(line) ?? [];
  const blob = readBase64(base64);
  if (!isKeyName(name) || blob === undefined || blob.length <= KEY_ID_BYTES) {
    throw malformed('A signature line of the note is not written — <name> <base64>.');
  }
  return {
    name,
    keyId: blob.toString('hex', 0, KEY_ID_BYTES),
    signature: blob.subarray(KEY_ID_BYTES),
  };
}

function identity({ name, keyId }: Pick<Verifier, 'name' | 'keyId'>): string {
  return `${name}+${keyId}`;
}
