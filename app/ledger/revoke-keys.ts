/** The end of a worker or log key. Nothing that was signed with it before is left outside the ledger. */
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { RetentionError } from '../../domain/errors.ts';
import type { StoreLedger } from '../../stores/postgres/ledger-source.ts';
import { type Retain, scheduleInForce } from '../context.ts';
import { destroyKeyFile, keyFileNames, replaceKeyFile } from '../key-files.ts';
import { LEDGER_KEY_FOLDER, ledgerKeyPath, readLedgerKey } from '../ledger-keys.ts';
import { tellOfKey } from './key-statement.ts';
import { type KnownKey, toldKeys, validAdmin } from './known-keys.ts';
import { withLedger } from './open-ledger.ts';
import { requireHead } from './sequence.ts';

export interface RevokeOptions {
  /** How long to wait at most for the ledger to take over what a worker key signed; half a minute when missing. */
  readonly waitMs?: number;
}

const WAIT_MS = 30_000;
const LOOK_MS = 250;

/**
 * Revokes the worker or log key of this name. Refused (`USAGE`) for names that the ledger does not know as valid,
 * and for the key that is in use: rotate first. Asking again after any failure goes on where it ended.
 *
 * A worker key: every store of the schedule in force takes no further seal of it; then everything sealed with it
 * must be in the ledger; then the ledger is told, and from that entry on nothing is signed by it. Throws what a store
 * that does not answer throws, `LEDGER_LAGS` when the ledger does not follow in time; nothing is told then.
 *
 * A log key: the ledger is told, then its file is destroyed, and checkpoints have the other signature alone.
 */
export async function revokeKey(
  retain: Retain,
  keyDir: string,
  name: string,
  options: RevokeOptions = {},
): Promise<void> {
  const { ledger } = retain.control;
  await requireHead(ledger);
  const key = (await toldKeys(ledger)).get(name);
  if (key?.role === 'worker' && key.state === 'active') {
    return revokeWorkerKey(retain, key, options.waitMs ?? WAIT_MS);
  }
  if (key?.role === 'log') {
    // The ledger may have been told, and whoever told it died before the file was gone.
    const isLeft = (await isPrevious(keyDir, name)) || (await hasRevoked(keyDir));
    if (key.state === 'active' || isLeft) return revokeLogKey(retain, keyDir, key);
  }
  throw usage(`${name} is no valid worker or log key. Run: retain keys list`);
}

async function revokeWorkerKey(retain: Retain, key: KnownKey, waitMs: number): Promise<void> {
  if ((await retain.ledgerKeys.worker()).name === key.name) {
    throw usage(
      'This is the key that workers sign with. Run: retain keys rotate, and then revoke it.',
    );
  }
  const admin = await validAdmin(retain.control.ledger, retain.ledgerKeys);
  await inStores(retain, async (stores) => {
    for (const store of stores) await store.revokeSigner(key.name);
    await untilIntegrated(stores, key.name, waitMs);
  });
  await tellOfKey(retain, admin, key, 'revoked');
}

async function revokeLogKey(retain: Retain, keyDir: string, key: KnownKey): Promise<void> {
  const [inUse] = await retain.ledgerKeys.log();
  if (inUse.name === key.name) {
    throw usage(
      'This is the key that checkpoints are signed with. Run: retain keys rotate --role log, give auditors the new policy, and then revoke it.',
    );
  }
  const admin = await validAdmin(retain.control.ledger, retain.ledgerKeys);
  await tellOfKey(retain, admin, key, 'revoked');
  const revoked = join(keyDir, ledgerKeyPath('log-revoked'));
  if (await isPrevious(keyDir, key.name)) {
    // Out of the way first: nobody shall read a file that is being overwritten.
    await replaceKeyFile(revoked, join(keyDir, ledgerKeyPath('log-previous')));
  }
  if (await hasRevoked(keyDir)) await destroyKeyFile(revoked);
}

async function isPrevious(keyDir: string, name: string): Promise<boolean> {
  return (await readLedgerKey(keyDir, 'log-previous', 'log'))?.name === name;
}

async function hasRevoked(keyDir: string): Promise<boolean> {
  return (await keyFileNames(keyDir, LEDGER_KEY_FOLDER)).includes(
    basename(ledgerKeyPath('log-revoked')),
  );
}

/** With a connection to every store of the schedule in force: all of them answer, or nothing is done. */
async function inStores(
  retain: Retain,
  work: (stores: readonly StoreLedger[]) => Promise<void>,
): Promise<void> {
  if ((await retain.control.latestSchedule()) === undefined) return;
  const { schedule } = await scheduleInForce(retain);
  await withLedger(retain, async ({ store }) => {
    const stores: StoreLedger[] = [];
    for (const name of Object.keys(schedule.stores)) stores.push(await store(name));
    await work(stores);
  });
}

async function untilIntegrated(
  stores: readonly StoreLedger[],
  signer: string,
  waitMs: number,
): Promise<void> {
  const until = performance.now() + waitMs;
  for (;;) {
    let batches = 0;
    for (const store of stores) batches += await store.unintegratedOf(signer);
    if (batches === 0) return;
    if (performance.now() >= until) {
      throw new RetentionError(
        'LEDGER_LAGS',
        `The ledger has not taken over ${batches} batches signed by ${signer}, so it is not revoked yet; nothing new is sealed with it. See that a worker runs, then ask again.`,
        { signer, batches },
      );
    }
    await setTimeout(LOOK_MS);
  }
}

function usage(message: string): RetentionError {
  return new RetentionError('USAGE', message);
}
