/** The keys that sign the ledger, and the one that hides names in it. Files outside every database. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { RetentionError } from '../domain/errors.ts';
import { type KeyRole, type SigningKey, signingKey } from '../ledger/ed25519.ts';
import { createKeyFile, preparePrivateDir, readKeyFile } from './key-files.ts';

/** Where signing keys come from. A KMS fits: a `SigningKey` never shows its secret. */
export interface LedgerKeys {
  /** Signs batch headers and statements. */
  worker(): Promise<SigningKey>;
  /** Signs checkpoints. */
  log(): Promise<SigningKey>;
  /** Signs which keys are valid; may live elsewhere once the log has begun. */
  admin(): Promise<SigningKey>;
  /** 32 bytes: hides the names of people and matters in the log. */
  names(): Promise<Buffer>;
}

/** No record class can have this name, so no epoch key is ever beside these. */
export const LEDGER_KEY_FOLDER = '_ledger';

const SEED_BYTES = 32;
const FILES = ['admin', 'worker', 'log', 'names'] as const;
type KeyFile = (typeof FILES)[number];

/**
 * Keys as files `<dir>/_ledger/<role>.key`: 64 hexadecimal digits, readable by their owner only. Throws
 * `LEDGER_KEY_MISSING` naming the file, `EPOCH_KEY_EXPOSED` and `EPOCH_KEY_INVALID` as epoch keys do. A key
 * is read once.
 */
export function fileLedgerKeys(dir: string): LedgerKeys {
  const known = new Map<KeyFile, Buffer>();
  const read = async (file: KeyFile): Promise<Buffer> => {
    const key = known.get(file) ?? (await readKeyFile(dir, join(LEDGER_KEY_FOLDER, `${file}.key`)));
    if (key === undefined) throw missing(`${LEDGER_KEY_FOLDER}/${file}.key is not there`);
    known.set(file, key);
    return key;
  };
  const signer = (role: KeyRole) => async () => signingKey(role, await read(role));
  return {
    worker: signer('worker'),
    log: signer('log'),
    admin: signer('admin'),
    names: async () => Buffer.from(await read('names')),
  };
}

/** For whoever was given no key folder: every key is missing. */
export function noLedgerKeys(): LedgerKeys {
  const refuse = (): Promise<never> => Promise.reject(noKeyFolder());
  return { worker: refuse, log: refuse, admin: refuse, names: refuse };
}

/** Makes each key that is not there yet; a key that is there stays. Answers the names of new files. */
export async function createLedgerKeys(dir: string): Promise<string[]> {
  await preparePrivateDir(dir, LEDGER_KEY_FOLDER);
  const made: string[] = [];
  for (const file of FILES) {
    const name = join(LEDGER_KEY_FOLDER, `${file}.key`);
    if ((await readKeyFile(dir, name)) !== undefined) continue;
    await createKeyFile(join(dir, name), randomBytes(SEED_BYTES));
    made.push(name);
  }
  return made;
}

/** What whoever was given no key folder is told. */
export function noKeyFolder(): RetentionError {
  return missing('RETAIN_KEY_DIR is not set');
}

function missing(what: string): RetentionError {
  return new RetentionError(
    'LEDGER_KEY_MISSING',
    `${what}: the ledger cannot be signed. Run: retain keys init --origin NAME`,
  );
}
