/** The log as operations and auditors ask it today: search, and the entry of one record. */
import { addPeriod, dayIn } from '../domain/calendar.ts';
import { instant } from '../domain/instant.ts';
import type { StoreConnection } from '../stores/postgres/connection.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import { type Retain, scheduleInForce, storeNamed, withStore } from './context.ts';
import { findDestroyed, type LogBatch } from './destroyed-records.ts';
import { loggedEpochs } from './ledger/logged-epochs.ts';
import { matchLiveStore } from './match-store.ts';
import { aggregateOf, canonicalKey, recordClassNamed } from './record-keys.ts';

export { type LogQuery, searchLog } from './log-search.ts';
export type { LogBatch };

/** One entry of a record: it may have been reduced by one run and deleted by a later one. */
export interface LookedUp extends LogBatch {
  /** Civil day on which the last backup that holds the record expires. */
  readonly backupsExpireOn: string;
}

/** An epoch without its key. */
export interface ClosedEpoch {
  readonly epoch: string;
  /** RFC 3339 UTC at which its key was destroyed; undefined when it is only not in this key folder. */
  readonly destroyedAt: string | undefined;
}

export interface Lookup {
  readonly recordClass: string;
  readonly store: string;
  readonly zone: string;
  /** The key as the database writes it. */
  readonly key: readonly string[];
  /** Oldest first; empty when no run whose epoch key still exists destroyed the record. */
  readonly entries: readonly LookedUp[];
  /** Epochs in which nothing can be looked up: an entry of the record may be there all the same. */
  readonly closedEpochs: readonly ClosedEpoch[];
}

/**
 * What the log says of one record. Throws `RECORD_CLASS_UNKNOWN`, `KEY_INVALID` (without the key),
 * `EPOCH_KEY_MISSING`.
 */
export async function lookupInLog(
  retain: Retain,
  className: string,
  key: readonly string[],
): Promise<Lookup> {
  const { schedule } = await scheduleInForce(retain);
  const recordClass = recordClassNamed(schedule, className);
  const store = storeNamed(schedule, recordClass.store);
  return withStore(retain, store, 'retain_app', async (connection) => {
    const { resolved } = await matchLiveStore(connection, schedule);
    const canonical = await canonicalKey(connection, aggregateOf(resolved, recordClass), key);
    const { open, closed } = await epochsOf(retain, connection, recordClass.id);
    // Without any key there is nothing to compare with, and that is then said of every epoch.
    const searchable =
      open.length > 0 || closed.every(({ destroyedAt }) => destroyedAt === undefined);
    const found = searchable
      ? await findDestroyed(retain, connection, recordClass.id, [canonical])
      : [];
    const entries = found.map(({ batch }) => {
      const day = dayIn(schedule.timezone, instant(batch.executedAt));
      return { ...batch, backupsExpireOn: addPeriod(day, store.backupsKeptFor) };
    });
    return {
      recordClass: recordClass.id,
      store: store.id,
      zone: schedule.timezone,
      key: canonical,
      entries,
      closedEpochs: closed,
    };
  });
}

/** The epochs under which the store's log has references of the class: with their key here, and without. */
async function epochsOf(
  retain: Retain,
  { sql, store }: StoreConnection,
  recordClass: string,
): Promise<{ open: string[]; closed: ClosedEpoch[] }> {
  const rows = await asStore(
    store,
    () => sql<{ epoch: string; destroyedAt: string | null }[]>`
      select key_epoch as epoch,
             to_char(destroyed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "destroyedAt"
        from retain_guard.key_epoch
       where starts_with(key_epoch, ${`${recordClass}/`}) order by key_epoch`,
  );
  const open: string[] = [];
  const closed: ClosedEpoch[] = [];
  for (const { epoch, destroyedAt } of rows) {
    if ((await retain.epochKeys.byId(epoch)) !== undefined) open.push(epoch);
    else
      closed.push({ epoch, destroyedAt: destroyedAt ?? (await loggedEnd(retain, store, epoch)) });
  }
  return { open, closed };
}

/** For a store that was restored to before the key was destroyed. */
async function loggedEnd(
  { control }: Retain,
  store: string,
  epoch: string,
): Promise<string | undefined> {
  const logged = (await loggedEpochs(control.ledger)).find(({ id }) => id === epoch);
  return logged?.uses.find((use) => use.store === store)?.destroyedAt;
}
