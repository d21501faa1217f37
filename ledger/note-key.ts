/** Keys of signed notes and the lines they sign with (c2sp.org/signed-note@v1.0.0). */
import { invariant } from '../domain/errors.ts';
import { PUBLIC_KEY_BYTES } from './ed25519.ts';
import { sha256 } from './hashing.ts';
import { malformed, readBase64 } from './text.ts';

/** What a signature is over: the text of the note, or a timestamped cosignature of a checkpoint. */
export const NOTE_SIGNATURE = { ed25519: 0x01, cosignature: 0x04 } as const;
export type NoteSignatureType = (typeof NOTE_SIGNATURE)[keyof typeof NOTE_SIGNATURE];

/** What a reader must know to check the lines of one key. */
export interface Verifier {
  readonly name: string;
  /** First four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key), 8 lower-case hex digits. */
  readonly keyId: string;
  readonly type: NoteSignatureType;
  /** 32 bytes. */
  readonly publicKey: Buffer;
}

export const KEY_ID_BYTES = 4;
const NOT_IN_NAME = /[\p{White_Space}\p{Cc}\p{Surrogate}+]/u;
const VKEY = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/su;

/** True for what a note can name a key: not empty, no Unicode space, no plus, no control character. */
export function isKeyName(name: string): boolean {
  return name !== '' && !NOT_IN_NAME.test(name);
}

/** The verifier of an Ed25519 key under a name. */
export function noteVerifier(
  name: string,
  publicKey: Uint8Array,
  type: NoteSignatureType,
): Verifier {
  invariant(isKeyName(name), 'The name of a note key has no blanks and no plus.');
  invariant(publicKey.length === PUBLIC_KEY_BYTES, 'A public key has 32 bytes.');
  const key = Buffer.from(publicKey);
  return { name, keyId: keyId(name, key, type), type, publicKey: key };
}

/** The key as text: `<name>+<key id>+<base64 of type and public key>`. */
export function formatVkey(name: string, publicKey: Uint8Array, type: NoteSignatureType): string {
  const { keyId: id } = noteVerifier(name, publicKey, type);
  return `${name}+${id}+${Buffer.concat([Buffer.of(type), publicKey]).toString('base64')}`;
}

/**
 * The verifier that `text` names. Throws `LEDGER_MALFORMED` unless it is exactly what `formatVkey` writes
 * for an Ed25519 key of a known type: a wrong key id is a slip of the pen, or another key.
 */
export function parseVkey(text: string): Verifier {
  const [, name = '', id = '', base64 = ''] = VKEY.exec(text) ?? [];
  const material = readBase64(base64);
  if (!isKeyName(name) || material === undefined) {
    throw malformed('A verifier key is written <name>+<8 hex digits>+<base64>.');
  }
  const type = signatureType(material[0]);
  if (type === undefined || material.length !== 1 + PUBLIC_KEY_BYTES) {
    throw malformed('The verifier key is of no known type: Ed25519 keys of type 1 and 4 are.');
  }
  const verifier = noteVerifier(name, material.subarray(1), type);
  if (verifier.keyId !== id) {
    throw malformed('The id in the verifier key is not that of its name and public key.');
  }
  return verifier;
}

/** One signature line without its line end: `— <name> <base64 of key id and signature>`. */
export function signatureLine(name: string, id: string, signature: Uint8Array): string {
  const blob = Buffer.concat([Buffer.from(id, 'hex'), signature]);
  return `\u2014 ${name} ${blob.toString('base64')}`;
}

function keyId(name: string, publicKey: Buffer, type: NoteSignatureType): string {
  const digest = sha256(Buffer.from(`${name}\n`, 'utf8'), Buffer.of(type), publicKey);
  return digest.toString('hex', 0, KEY_ID_BYTES);
}

function signatureType(byte: number | undefined): NoteSignatureType | undefined {
  return Object.values(NOTE_SIGNATURE).find((type) => type === byte);
}
