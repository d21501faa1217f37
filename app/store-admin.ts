/** Installing, checking and removing the guard of a store. Needs a login that owns the governed tables. */
import type { LedgerDb } from '../db/ledger.ts';
import type { RetentionSchedule } from '../domain/schedule.ts';
import { checkGuard } from '../stores/postgres/check.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import { frozenTables } from '../stores/postgres/freeze.ts';
import {
  installGuard,
  installScript,
  requiredRights,
  uninstallGuard,
} from '../stores/postgres/install.ts';
import type { StoreFinding } from '../stores/postgres/store-finding.ts';
import { type Retain, storeNamed, withStore } from './context.ts';
import { revokedWorkers, toldKeys } from './ledger/known-keys.ts';
import { matchLiveStore, requireMatch } from './match-store.ts';

/** Of the control database as much as tells which keys are revoked. */
interface LedgerReading {
  readonly control: { readonly ledger: Pick<LedgerDb, 'statements' | 'pending'> };
}

/**
 * Installs or updates the guard, grants exactly what the schedule needs and tells which worker keys are revoked.
 * One transaction.
 */
export async function installStore(
  retain: Pick<Retain, 'urlOf'> & LedgerReading,
  schedule: RetentionSchedule,
  storeId: string,
): Promise<void> {
  const store = storeNamed(schedule, storeId);
  await withStore(retain, store, 'admin', async (connection) => {
    const { resolved } = await requireMatch(connection, schedule);
    await installGuard(connection, resolved, await revokedSigners(retain));
  });
}

/** The SQL that `installStore` would run, for review. */
export async function storeScript(
  retain: Pick<Retain, 'urlOf'> & LedgerReading,
  schedule: RetentionSchedule,
  storeId: string,
): Promise<string> {
  const store = storeNamed(schedule, storeId);
  return withStore(retain, store, 'admin', async (connection) => {
    const { resolved } = await requireMatch(connection, schedule);
    return installScript(store.id, resolved, await revokedSigners(retain));
  });
}

/** None before there is a ledger. */
async function revokedSigners({ control }: LedgerReading): Promise<string[]> {
  return revokedWorkers(await toldKeys(control.ledger));
}

/** Everything that is not as it must be: guard, rights missing and excess, tables against the schedule. */
export async function checkStore(
  retain: Pick<Retain, 'urlOf'>,
  schedule: RetentionSchedule,
  storeId: string,
): Promise<readonly StoreFinding[]> {
  const store = storeNamed(schedule, storeId);
  return withStore(retain, store, 'admin', async (connection) => {
    const { findings, resolved, catalogue } = await matchLiveStore(connection, schedule);
    const drift = findings.map(
      ({ severity, code, path, message }): StoreFinding => ({
        severity,
        code,
        message: `${path.join('.')}: ${message}`,
      }),
    );
    const guard = await asStore(store.id, () =>
      checkGuard(
        connection.sql,
        requiredRights(resolved),
        catalogue.tables.values(),
        frozenTables(resolved),
      ),
    );
    return [...drift, ...guard];
  });
}

/** Takes the guard's functions and rights away and keeps the log. */
export async function uninstallStore(
  retain: Pick<Retain, 'urlOf'>,
  schedule: RetentionSchedule,
  storeId: string,
): Promise<void> {
  const store = storeNamed(schedule, storeId);
  await withStore(retain, store, 'admin', (connection) => uninstallGuard(connection));
}
