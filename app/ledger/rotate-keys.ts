/** New worker and log keys in the place of old ones, which stay valid until they are revoked. */
import { join } from 'node:path';
import { RetentionError } from '../../domain/errors.ts';
import type { SigningKey } from '../../ledger/ed25519.ts';
import type { Retain } from '../context.ts';
import { createKeyFile, destroyKeyFile, readKeyFile, replaceKeyFile } from '../key-files.ts';
import { type LedgerKeyFile, ledgerKeyPath, readLedgerKey } from '../ledger-keys.ts';
import { logVkey } from './begin.ts';
import { isErrno } from './durable-files.ts';
import { tellOfKey } from './key-statement.ts';
import { toldKeys, validAdmin } from './known-keys.ts';
import { requireHead } from './sequence.ts';

type Rotated = 'worker' | 'log';

/**
 * A new worker key. The ledger hears of it first; then the file changes, and workers sign with it from their
 * next batch on. A crash between the two is mended by asking again: the same new key is found. A key that was lost
 * is replaced like any other. Throws `LEDGER_MISSING`, `LEDGER_KEY_MISSING`, `SIGNER_REVOKED` for an admin key that is.
 */
export async function rotateWorkerKey(retain: Retain, keyDir: string): Promise<SigningKey> {
  const { ledger } = retain.control;
  await requireHead(ledger);
  const admin = await validAdmin(ledger, retain.ledgerKeys);
  const next = await draftKey(retain, keyDir, 'worker');
  await tellOfKey(retain, admin, { ...next, vkey: undefined }, 'active');
  await putInUse(keyDir, 'worker', next);
  return next;
}

/**
 * A new log key, which signs every checkpoint beside the one before it until that is revoked: auditors change
 * their policies meanwhile. Told, then done, and mended like a worker key. Refused (`USAGE`) while an earlier
 * key still signs beside the one in use. Throws besides as `rotateWorkerKey` does.
 */
export async function rotateLogKey(retain: Retain, keyDir: string): Promise<SigningKey> {
  const { ledger } = retain.control;
  const { origin } = await requireHead(ledger);
  const admin = await validAdmin(ledger, retain.ledgerKeys);
  const next = await draftKey(retain, keyDir, 'log');
  // After the draft is there: whoever rotates at the same moment has the same draft, or ends in this refusal.
  const inUse = await readLedgerKey(keyDir, 'log', 'log');
  const previous = await readLedgerKey(keyDir, 'log-previous', 'log');
  if (inUse !== undefined && previous !== undefined && previous.name !== inUse.name) {
    await destroyKeyFile(pathOf(keyDir, 'log-next'));
    throw new RetentionError(
      'USAGE',
      `${previous.name} still signs beside ${inUse.name}. Give auditors the new policy, then run: retain keys revoke ${previous.name}`,
    );
  }
  const vkey = logVkey(origin, next);
  await tellOfKey(retain, admin, { ...next, vkey }, 'active');
  const seed = await readKeyFile(keyDir, ledgerKeyPath('log'));
  if (seed !== undefined) await createKeyFile(pathOf(keyDir, 'log-previous'), seed);
  await putInUse(keyDir, 'log', next);
  return next;
}

/** The key that will be in use: made here, or by whoever asked before and did not live to use it. */
async function draftKey(retain: Retain, keyDir: string, role: Rotated): Promise<SigningKey> {
  const file: LedgerKeyFile = `${role}-next`;
  for (;;) {
    await createKeyFile(pathOf(keyDir, file));
    const key = await readLedgerKey(keyDir, file, role);
    if (key === undefined) continue;
    const told = (await toldKeys(retain.control.ledger)).get(key.name);
    if (told?.state !== 'revoked') return key;
    // Somebody gave it up before it was ever used.
    await destroyKeyFile(pathOf(keyDir, file));
  }
}

async function putInUse(keyDir: string, role: Rotated, next: SigningKey): Promise<void> {
  try {
    await replaceKeyFile(pathOf(keyDir, role), pathOf(keyDir, `${role}-next`));
  } catch (error) {
    // Whoever asked at the same moment has put the very same key there.
    const inUse = isErrno(error, 'ENOENT') ? await readLedgerKey(keyDir, role, role) : undefined;
    if (inUse?.name !== next.name) throw error;
  }
}

function pathOf(keyDir: string, file: LedgerKeyFile): string {
  return join(keyDir, ledgerKeyPath(file));
}
