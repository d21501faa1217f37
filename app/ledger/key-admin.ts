/** What administrators do to keys. Each change is an entry of the ledger before it takes effect. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { RetentionError } from '../../domain/errors.ts';
import { instantFromMillis } from '../../domain/instant.ts';
import { type SigningKey, signingKey } from '../../ledger/ed25519.ts';
import { signEntry } from '../../ledger/entry.ts';
import { keyCommitment } from '../../ledger/references.ts';
import type { Retain } from '../context.ts';
import { createKeyFile, destroyKeyFile, readKeyFile, replaceKeyFile } from '../key-files.ts';
import { createLedgerKeys, LEDGER_KEY_FOLDER } from '../ledger-keys.ts';
import { type BegunLedger, beginLedger, logVkey } from './begin.ts';
import { type KnownKey, knownKeys } from './known-keys.ts';
import { requireHead } from './sequence.ts';

export interface InitialisedKeys extends BegunLedger {
  /** Key files that were made, by their names in the key folder. */
  readonly made: readonly string[];
}

const SEED_BYTES = 32;
const EPOCH = /^([a-z][a-z0-9_]*)\/(\d{4}Q[1-4])$/;

/** Makes the keys that are missing and begins the ledger. Throws `LEDGER_EXISTS`, `USAGE`. */
export async function initialiseKeys(
  retain: Retain,
  keyDir: string,
  origin: string,
): Promise<InitialisedKeys> {
  const made = await createLedgerKeys(keyDir);
  return { ...(await beginLedger(retain, origin)), made };
}

/** Every key the ledger knows, oldest first. */
export async function listKeys(retain: Retain): Promise<KnownKey[]> {
  await requireHead(retain.control.ledger);
  return [...(await knownKeys(retain.control.ledger)).values()];
}

/** A policy that trusts this log without witnesses: where an auditor begins. */
export async function startingPolicy(retain: Retain): Promise<string> {
  const { origin } = await requireHead(retain.control.ledger);
  return `log ${logVkey(origin, await retain.ledgerKeys.log())}\nquorum none\n`;
}

/**
 * A new worker key. The ledger hears of it first; then the file changes, and workers that start use it. A
 * crash between the two is mended by asking again: the same new key is found. The old key stays valid until
 * it is revoked, so that workers can be restarted one by one.
 */
export async function rotateWorkerKey(retain: Retain, keyDir: string): Promise<SigningKey> {
  await requireHead(retain.control.ledger);
  const file = join(LEDGER_KEY_FOLDER, 'worker.key');
  const draft = join(LEDGER_KEY_FOLDER, 'worker-next.key');
  await retain.ledgerKeys.worker();
  await createKeyFile(join(keyDir, draft), randomBytes(SEED_BYTES));
  const seed = await readKeyFile(keyDir, draft);
  if (seed === undefined) {
    throw new RetentionError(
      'LEDGER_KEY_MISSING',
      'The new key vanished as it was made. Ask again.',
    );
  }
  const key = signingKey('worker', seed);
  await tellOfKey(retain, key, 'active');
  await replaceKeyFile(join(keyDir, file), join(keyDir, draft));
  return key;
}

/**
 * From the entry on nothing signed by the key enters the ledger. Refused (`USAGE`) for names the ledger
 * does not know as valid worker keys, and for the key that workers are to use: rotate first.
 */
export async function revokeKey(retain: Retain, name: string): Promise<void> {
  const known = (await knownKeys(retain.control.ledger)).get(name);
  if (known?.role !== 'worker' || known.state !== 'active') {
    throw new RetentionError('USAGE', `${name} is no valid worker key. Run: retain keys list`);
  }
  if ((await retain.ledgerKeys.worker()).name === name) {
    throw new RetentionError(
      'USAGE',
      'This is the key that workers sign with. Run: retain keys rotate, restart the workers, then revoke it.',
    );
  }
  await tellOfKey(retain, { name, publicKey: known.publicKey }, 'revoked');
}

/**
 * Destroys an epoch key. Refused (`USAGE`) for the epoch that is being written, whose references would
 * be impossible to finish. Throws `EPOCH_KEY_MISSING` when there is no such key.
 */
export async function destroyEpochKey(
  retain: Retain,
  keyDir: string,
  epoch: string,
  nowMs: number,
): Promise<void> {
  await requireHead(retain.control.ledger);
  const [, recordClass, quarter] = EPOCH.exec(epoch) ?? [];
  if (recordClass === undefined || quarter === undefined) {
    throw new RetentionError('USAGE', 'An epoch is named like customer/2026Q4.');
  }
  if (quarter >= quarterOf(nowMs)) {
    throw new RetentionError(
      'USAGE',
      `${epoch} is still being written: destroy it when its quarter is over.`,
    );
  }
  const file = join(recordClass, `${quarter}.key`);
  const key = await readKeyFile(keyDir, file);
  if (key === undefined) {
    throw new RetentionError('EPOCH_KEY_MISSING', `There is no key of ${epoch} in the key folder.`);
  }
  const commitment = keyCommitment(key).toString('hex');
  key.fill(0);
  await retain.control.ledger.addStatement('epoch.destroy', { epoch, commitment }, {});
  await destroyKeyFile(join(keyDir, file));
}

async function tellOfKey(
  retain: Retain,
  { name, publicKey }: Pick<SigningKey, 'name' | 'publicKey'>,
  state: 'active' | 'revoked',
): Promise<void> {
  const admin = await retain.ledgerKeys.admin();
  const body = {
    v: 1,
    kind: 'key',
    role: 'worker',
    name,
    public_key: publicKey.toString('base64'),
    state,
    at: instantFromMillis(Date.now()),
    signed_by: admin.name,
  };
  await retain.control.ledger.addSigned('key', signEntry('key', body, admin));
}

function quarterOf(nowMs: number): string {
  const now = new Date(nowMs);
  return `${now.getUTCFullYear()}Q${Math.floor(now.getUTCMonth() / 3) + 1}`;
}
