/** The keys that sign the ledger, and the one that hides names in it. Files outside every database. */
import { join } from 'node:path';
import { RetentionError } from '../domain/errors.ts';
import { type KeyRole, type SigningKey, signingKey } from '../ledger/ed25519.ts';
import { createKeyFile, preparePrivateDir, readKeyFile } from './key-files.ts';

/**
 * Where signing keys come from. A KMS fits: a `SigningKey` never shows its secret. Whoever signs asks for the
 * key each time, so that a new one is taken up without a restart.
 */
export interface LedgerKeys {
  /** Signs batch headers and statements. */
  worker(): Promise<SigningKey>;
  /** Sign checkpoints: the key in use and, until it is revoked, the one before it. */
  log(): Promise<LogKeys>;
  /** Signs which keys are valid; may live elsewhere once the log has begun. */
  admin(): Promise<SigningKey>;
  /** 32 bytes: hides the names of people and matters in the log. */
  names(): Promise<Buffer>;
}

/** The one in use first. */
export type LogKeys = readonly [SigningKey, ...SigningKey[]];

/** No record class can have this name, so no epoch key is ever beside these. */
export const LEDGER_KEY_FOLDER = '_ledger';

const FILES = ['admin', 'worker', 'log', 'names', 'wrap'] as const;

/**
 * Keys that are made and not yet told to the ledger (`-next`), the log key that was in use before
 * (`-previous`), and one that the ledger has revoked and that is about to be destroyed (`-revoked`).
 */
export type LedgerKeyFile =
  | (typeof FILES)[number]
  | 'worker-next'
  | 'log-next'
  | 'log-previous'
  | 'log-revoked';

/** Below the key folder. */
export function ledgerKeyPath(file: LedgerKeyFile): string {
  return join(LEDGER_KEY_FOLDER, `${file}.key`);
}

/**
 * Keys as files `<dir>/_ledger/<role>.key`: 64 hexadecimal digits, readable by their owner only. Each call
 * reads the file. Throws `LEDGER_KEY_MISSING` naming it, `EPOCH_KEY_EXPOSED` and `EPOCH_KEY_INVALID` as epoch
 * keys do.
 */
export function fileLedgerKeys(dir: string): LedgerKeys {
  const read = async (file: LedgerKeyFile): Promise<Buffer> => {
    const key = await readKeyFile(dir, ledgerKeyPath(file));
    if (key === undefined) throw missing(`${ledgerKeyPath(file)} is not there`);
    return key;
  };
  const signer = (role: KeyRole) => async () => signingKey(role, await read(role));
  return {
    worker: signer('worker'),
    async log() {
      const current = await signer('log')();
      // Second: a rotation puts it there before it replaces the first, so none that must sign is missed.
      const previous = await readLedgerKey(dir, 'log-previous', 'log');
      return previous === undefined || previous.name === current.name
        ? [current]
        : [current, previous];
    },
    admin: signer('admin'),
    names: () => read('names'),
  };
}

/** The signing key in a file; undefined when there is no such file. */
export async function readLedgerKey(
  dir: string,
  file: LedgerKeyFile,
  role: KeyRole,
): Promise<SigningKey | undefined> {
  const seed = await readKeyFile(dir, ledgerKeyPath(file));
  return seed && signingKey(role, seed);
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
    const path = ledgerKeyPath(file);
    if ((await readKeyFile(dir, path)) !== undefined) continue;
    await createKeyFile(join(dir, path));
    made.push(path);
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
    `${what}: the ledger cannot be signed. Use the folder with its keys; for a new ledger run: retain keys init --origin NAME`,
  );
}
