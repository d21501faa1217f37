/** What every use case needs: the control database, the stores of the schedule in force, the keys. */
import { parseSchedule } from '../config/schedule-file.ts';
import type { ControlDb, InstalledSchedule, RunEntry } from '../db/client.ts';
import { RetentionError } from '../domain/errors.ts';
import type { RetentionPeriod, RetentionSchedule, StoreDefinition } from '../domain/schedule.ts';
import { didYouMean } from '../domain/suggest.ts';
import {
  connectStore,
  type StoreConnection,
  type StoreRole,
} from '../stores/postgres/connection.ts';
import type { EpochKeys } from './epoch-keys.ts';
import type { LedgerSigner } from './ledger/signer.ts';
import type { LedgerKeys } from './ledger-keys.ts';

export interface Retain {
  readonly control: ControlDb;
  /** Resolves `env:NAME` of a store; throws `CONFIG_INVALID` naming the variable. */
  readonly urlOf: (store: StoreDefinition) => string;
  readonly epochKeys: EpochKeys;
  readonly ledgerKeys: LedgerKeys;
  readonly ledgerSigner: LedgerSigner;
}

export interface ScheduleInForce extends InstalledSchedule {
  readonly schedule: RetentionSchedule;
}

/** The newest installed schedule, parsed; `SCHEDULE_NOT_INSTALLED` before the first. */
export async function scheduleInForce(retain: Pick<Retain, 'control'>): Promise<ScheduleInForce> {
  const installed = await retain.control.latestSchedule();
  if (!installed) {
    throw new RetentionError(
      'SCHEDULE_NOT_INSTALLED',
      'No schedule is installed. Run: retain schedule install FILE',
    );
  }
  const { schedule } = parseSchedule(installed.document, `schedule version ${installed.version}`);
  if (!schedule) {
    throw new RetentionError(
      'SCHEDULE_INVALID',
      `Schedule version ${installed.version} was written for another version of Retain. Install it again.`,
      { version: installed.version },
    );
  }
  return { ...installed, schedule };
}

/** What the schedule in force says of new epoch keys of a class; undefined for a class that it no longer has. */
export async function epochKeysKeptFor(
  retain: Pick<Retain, 'control'>,
  recordClass: string,
): Promise<RetentionPeriod | undefined> {
  const { schedule } = await scheduleInForce(retain);
  return schedule.stores[schedule.recordClasses[recordClass]?.store ?? '']?.epochKeysKeptFor;
}

/** The store of that name; the only one when no name is given. */
export function storeNamed(schedule: RetentionSchedule, name: string | undefined): StoreDefinition {
  const stores = Object.values(schedule.stores);
  const [only] = stores;
  if (name === undefined && stores.length === 1 && only) return only;
  const found = name === undefined ? undefined : schedule.stores[name];
  if (found) return found;
  const names = Object.keys(schedule.stores);
  const message =
    name === undefined
      ? `The schedule has several stores; say which with --store: ${names.join(', ')}.`
      : `There is no store ${name} in the schedule.${didYouMean(name, names)} Stores: ${names.join(', ')}.`;
  throw new RetentionError('STORE_UNKNOWN', message);
}

/** Runs `work` on a connection of its own and closes it. */
export async function withStore<T>(
  retain: Pick<Retain, 'urlOf'>,
  store: StoreDefinition,
  role: StoreRole,
  work: (connection: StoreConnection) => Promise<T>,
): Promise<T> {
  const connection = await connectStore(store.id, retain.urlOf(store), role);
  try {
    return await work(connection);
  } finally {
    await connection.end();
  }
}

/** The run whose id, or plan name `xxxx-yyyy`, begins like this; ambiguous and unknown are refused. */
export async function runNamed(retain: Retain, name: string): Promise<RunEntry> {
  const [runPart = '', digestPart = ''] = /^[0-9a-f]{4}-[0-9a-f]{4}$/.test(name)
    ? name.split('-')
    : [name];
  if (!/^[0-9a-f-]{4,36}$/.test(runPart)) {
    throw new RetentionError(
      'PLAN_UNKNOWN',
      'A plan is named by at least four characters of its id, for example 7f3a.',
    );
  }
  const matches = (await retain.control.runsByPrefix(runPart)).filter((entry) =>
    entry.digest.startsWith(`sha256:${digestPart}`),
  );
  const [found] = matches;
  if (!found)
    throw new RetentionError('PLAN_UNKNOWN', `There is no plan ${name}. Run: retain run list`);
  if (matches.length > 1)
    throw new RetentionError(
      'PLAN_UNKNOWN',
      `Several plans begin with ${name}; give more of the id.`,
    );
  return found;
}

/** People are named as given, without surrounding blanks; nobody is nobody. */
export function actorNamed(name: string): string {
  const actor = name.trim();
  if (!/^[\p{L}\p{N}][\p{L}\p{N}._@ -]{0,99}$/u.test(actor)) {
    throw new RetentionError(
      'USAGE',
      'Say who you are with --as NAME (letters, digits, . _ @ - and blanks).',
    );
  }
  return actor;
}

/** A text that was said, without surrounding blanks; `USAGE` with `otherwise` when there is none. */
export function said(text: string, otherwise: string): string {
  const trimmed = text.trim();
  if (trimmed === '') throw new RetentionError('USAGE', otherwise);
  return trimmed;
}
