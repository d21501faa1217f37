/** The log as operations and auditors ask it today: search, and the entry of one record. */
import { addPeriod, dayIn } from '../domain/calendar.ts';
import { instant } from '../domain/instant.ts';
import { type Retain, scheduleInForce, storeNamed, withStore } from './context.ts';
import { findDestroyed, type LogBatch } from './destroyed-records.ts';
import { matchLiveStore } from './match-store.ts';
import { aggregateOf, canonicalKey, recordClassNamed } from './record-keys.ts';

export { type LogQuery, searchLog } from './log-search.ts';
export type { LogBatch };

/** One entry of a record: it may have been reduced by one run and deleted by a later one. */
export interface LookedUp extends LogBatch {
  /** Civil day on which the last backup that holds the record expires. */
  readonly backupsExpireOn: string;
}

export interface Lookup {
  readonly recordClass: string;
  readonly store: string;
  readonly zone: string;
  /** The key as the database writes it. */
  readonly key: readonly string[];
  /** Oldest first; empty when no run whose epoch key still exists destroyed the record. */
  readonly entries: readonly LookedUp[];
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
    const found = await findDestroyed(retain, connection, recordClass.id, [canonical]);
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
    };
  });
}
