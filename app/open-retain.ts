/** The one place where the environment becomes databases and keys. */
import { type Env, storeUrl } from '../config/env.ts';
import { type ControlDb, openControlDb } from '../db/client.ts';
import { RetentionError } from '../domain/errors.ts';
import { instantFromMillis } from '../domain/instant.ts';
import type { StoreDefinition } from '../domain/schedule.ts';
import { epochKeysKeptFor, type Retain } from './context.ts';
import { type EpochKeys, fileEpochKeys } from './epoch-keys.ts';
import { fileSigner } from './ledger/signer.ts';
import { fileLedgerKeys, noKeyFolder, noLedgerKeys } from './ledger-keys.ts';

export interface OpenRetain extends Retain {
  end(): Promise<void>;
}

/**
 * Opens the control database that `DATABASE_URL` names; `migrate` brings its schema up to date first.
 * Throws `CONFIG_INVALID`, `CREDENTIALS_REJECTED`, `STORE_UNAVAILABLE`. Epoch keys are asked for only
 * where they are used: whoever needs none can do without `RETAIN_KEY_DIR`.
 */
export async function openRetain(
  env: Env,
  options: { readonly migrate: boolean },
): Promise<OpenRetain> {
  if (env.databaseUrl === undefined) {
    throw new RetentionError(
      'CONFIG_INVALID',
      'DATABASE_URL is not set: set it to the URL of the control database, ' +
        'postgres://user:password@host:5432/database.',
      { variable: 'DATABASE_URL' },
    );
  }
  const control = await openControlDb(env.databaseUrl, options);
  return {
    control,
    ...storesOf(env),
    epochKeys: epochKeysOf(env, control),
    ...ledgerOf(env),
    end: () => control.end(),
  };
}

/** What is needed of the environment to look at stores, without a control database. */
export function storesOf(env: Env): Pick<Retain, 'urlOf'> {
  return { urlOf: (store: StoreDefinition) => storeUrl(env, store.connectionEnv) };
}

function ledgerOf(env: Env): Pick<Retain, 'ledgerKeys' | 'ledgerSigner'> {
  if (env.keyDir === undefined) {
    const refuse = (): Promise<never> => Promise.reject(noKeyFolder());
    return { ledgerKeys: noLedgerKeys(), ledgerSigner: { last: refuse, sign: refuse } };
  }
  const keys = fileLedgerKeys(env.keyDir);
  return { ledgerKeys: keys, ledgerSigner: fileSigner(env.keyDir, keys) };
}

function epochKeysOf(env: Env, control: ControlDb): EpochKeys {
  if (env.keyDir !== undefined) {
    return fileEpochKeys(env.keyDir, () => instantFromMillis(Date.now()), {
      keptFor: (recordClass) => epochKeysKeptFor({ control }, recordClass),
    });
  }
  const missing = (): Promise<never> =>
    Promise.reject(
      new RetentionError(
        'EPOCH_KEY_MISSING',
        'RETAIN_KEY_DIR is not set: set it to the folder of the epoch keys that the worker uses.',
        { variable: 'RETAIN_KEY_DIR' },
      ),
    );
  return { forWriting: missing, byId: missing, all: missing, destroy: missing };
}
