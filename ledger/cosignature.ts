/**
 * What witnesses sign: that they saw a checkpoint, and when (c2sp.org/tlog-cosignature@v1.0.1, Ed25519).
 * The signature is 8 bytes of time and 64 of Ed25519.
 */
import { invariant } from '../domain/errors.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { type SigningKey, verifySignature } from './ed25519.ts';
import { NOTE_SIGNATURE, noteVerifier, signatureLine } from './note-key.ts';

const TIME_BYTES = 8;

/**
 * The line by which `name` says that at `unixSeconds` the largest head it saw of this log was that of
 * `text`, a checkpoint. Whoever calls MUST have checked that it continues the last head signed. Throws
 * `LEDGER_MALFORMED` for text that is no checkpoint.
 */
export function cosign(text: string, key: SigningKey, name: string, unixSeconds: number): string {
  parseCheckpoint(text);
  invariant(
    Number.isSafeInteger(unixSeconds) && unixSeconds >= 0,
    'The time of a cosignature is in whole seconds since 1970.',
  );
  const time = Buffer.alloc(TIME_BYTES);
  time.writeBigUInt64BE(BigInt(unixSeconds));
  const { keyId } = noteVerifier(name, key.publicKey, NOTE_SIGNATURE.cosignature);
  const signature = key.sign(cosignedMessage(text, unixSeconds));
  return signatureLine(name, keyId, Buffer.concat([time, signature]));
}

/** When `publicKey` cosigned `text`, in seconds since 1970; undefined when it did not. */
export function verifyCosignature(
  publicKey: Uint8Array,
  text: string,
  timedSignature: Buffer,
): number | undefined {
  if (timedSignature.length < TIME_BYTES) return undefined;
  const unixSeconds = Number(timedSignature.readBigUInt64BE());
  if (!Number.isSafeInteger(unixSeconds)) return undefined;
  const message = cosignedMessage(text, unixSeconds);
  const signature = timedSignature.subarray(TIME_BYTES);
  return verifySignature(publicKey, message, signature) ? unixSeconds : undefined;
}

function cosignedMessage(text: string, unixSeconds: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${unixSeconds}\n${text}`, 'utf8');
}
