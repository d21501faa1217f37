/** The key-encryption key: what epoch keys are wrapped with before they are stored. */
import { createCipheriv, createDecipheriv, hash } from 'node:crypto';
import { RetentionError } from '../domain/errors.ts';
import { readKeyFile } from './key-files.ts';
import { ledgerKeyPath } from './ledger-keys.ts';

/** A KMS fits: the key-encryption key itself is never asked for. Implementations MUST detect every change. */
export interface KeyWrapper {
  /** Which key this is, without blanks; stands in everything that it wrapped. */
  readonly name: string;
  wrap(secret: Buffer): Promise<Buffer>;
  /** Undefined when the bytes were not wrapped by this key, or were changed since. */
  unwrap(wrapped: Buffer): Promise<Buffer | undefined>;
}

const CIPHER = 'id-aes256-wrap';
/** RFC 3394, section 2.2.3.1: the initial value, and so what unwrapping checks. */
const INITIAL_VALUE = Buffer.from('a6a6a6a6a6a6a6a6', 'hex');

/**
 * AES Key Wrap (RFC 3394) with 32 bytes. Wraps whole blocks of 8 bytes, at least two. Named by the first 8 hex
 * digits of `SHA-256("retain/wrap-key/v1" 0x00 ‖ key)`.
 */
export function aesKeyWrapper(key: Buffer): KeyWrapper {
  const digest = hash('sha256', Buffer.concat([Buffer.from('retain/wrap-key/v1\0'), key]), 'hex');
  return {
    name: `wrap-${digest.slice(0, 8)}`,
    wrap: async (secret) => {
      const cipher = createCipheriv(CIPHER, key, INITIAL_VALUE);
      return Buffer.concat([cipher.update(secret), cipher.final()]);
    },
    unwrap: async (wrapped) => {
      try {
        const decipher = createDecipheriv(CIPHER, key, INITIAL_VALUE);
        const secret = Buffer.concat([decipher.update(wrapped), decipher.final()]);
        // OpenSSL finds nothing wrong with nothing.
        return secret.length === 0 ? undefined : secret;
      } catch {
        return undefined;
      }
    },
  };
}

/**
 * The key in `<dir>/_ledger/wrap.key`, read at each call. Throws `EPOCH_KEY_MISSING` without it, and what
 * `readKeyFile` does.
 */
export async function fileKeyWrapper(dir: string): Promise<KeyWrapper> {
  const file = ledgerKeyPath('wrap');
  const key = await readKeyFile(dir, file);
  if (key !== undefined) return aesKeyWrapper(key);
  throw new RetentionError(
    'EPOCH_KEY_MISSING',
    `${file} is not there: without it no epoch key can be read or made. Restore it from its backup; for a new ledger run: retain keys init --origin NAME`,
    { file },
  );
}
