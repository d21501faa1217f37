/** Ed25519 (RFC 8032): keys as 32 bytes, signatures as 64. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { invariant } from '../domain/errors.ts';
import { sha256 } from './hashing.ts';

export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;
const SEED_BYTES = 32;
const NAME_BYTES = 4;
/** RFC 8410: DER of a PKCS #8 private key and of a SubjectPublicKeyInfo, up to the 32 bytes. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
/** A log has a few keys; whoever makes up many must not fill the memory. */
const CACHED_KEYS = 64;

/** Signs without showing its secret: a file stands behind it, or a KMS. */
export interface SigningKey {
  /** `<role>-<first 8 hex digits of SHA-256(public key)>`. */
  readonly name: string;
  /** 32 bytes. */
  readonly publicKey: Buffer;
  /** 64 bytes; the same message always has the same signature. */
  sign(message: Uint8Array): Buffer;
}

/** What a key may sign: who else is valid, what happened, the head of the tree. */
export type KeyRole = 'admin' | 'worker' | 'log';

const cache = new Map<string, KeyObject>();

/** The key of a 32-byte seed (RFC 8032, section 5.1.5). The seed stays the caller's to wipe. */
export function signingKey(role: KeyRole, seed: Buffer): SigningKey {
  invariant(seed.length === SEED_BYTES, 'The seed of a signing key has 32 bytes.');
  const der = Buffer.concat([PKCS8_PREFIX, seed]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const publicKey = Buffer.from(spki.subarray(-PUBLIC_KEY_BYTES));
  return {
    name: signingKeyName(role, publicKey),
    publicKey,
    sign: (message) => sign(null, message, key),
  };
}

/** The name of a key: two keys of one role share it only by a collision of 32 bits. */
export function signingKeyName(role: KeyRole, publicKey: Uint8Array): string {
  const digest = sha256(Buffer.from(publicKey));
  return `${role}-${digest.toString('hex', 0, NAME_BYTES)}`;
}

/**
 * Whether `signature` is that of `publicKey` over `message`. False, never an error, for keys and
 * signatures of a wrong length and for keys that are no point of the curve. Refuses `s` of the group order
 * or more (RFC 8032, section 5.1.7): nobody can turn one valid signature into another.
 */
export function verifySignature(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  return verify(null, message, importedKey(publicKey), signature);
}

/** Importing a key costs nearly as much as one verification, and a log of many entries has few keys. */
function importedKey(publicKey: Uint8Array): KeyObject {
  const id = Buffer.from(publicKey).toString('latin1');
  const known = cache.get(id);
  if (known !== undefined) return known;
  const der = Buffer.concat([SPKI_PREFIX, publicKey]);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  if (cache.size >= CACHED_KEYS) cache.clear();
  cache.set(id, key);
  return key;
}
