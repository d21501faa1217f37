/**
 * Holds name classes and subjects in the words of the schedule version they were placed under. A later
 * version must still mean the same records by them, or the hold would silently cover nothing.
 */
import { RetentionError } from '../domain/errors.ts';
import type { RetentionSchedule } from '../domain/schedule.ts';
import type { StoreConnection } from '../stores/postgres/connection.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import type { Retain } from './context.ts';
import { scheduleOf } from './schedule-versions.ts';

interface Reach {
  readonly kind: 'class' | 'subject';
  readonly name: string;
  readonly version: number;
}

/** Throws `HOLD_SCOPE_LOST` when a hold in force in this store would mean something else under `next`. */
export async function refuseLostHolds(
  retain: Retain,
  connection: StoreConnection,
  next: RetentionSchedule,
): Promise<void> {
  for (const { kind, name, version } of await reachInForce(connection)) {
    const before = (await scheduleOf(retain, version)).schedule;
    const lost =
      kind === 'class'
        ? lostClass(before, next, connection.store, name)
        : lostSubject(before, next, connection.store, name);
    if (lost === undefined) continue;
    throw new RetentionError(
      'HOLD_SCOPE_LOST',
      `A hold in force names the ${kind} ${name} as version ${version} knows it, and ${lost}. Release the hold and place it again under the new schedule, or keep the ${kind}.`,
      { kind, name, version },
    );
  }
}

async function reachInForce({ sql, store }: StoreConnection): Promise<Reach[]> {
  return asStore(
    store,
    () => sql<Reach[]>`
      select 'class' as kind, k.record_class as name, h.schedule_version as version
        from retain_guard.hold h join retain_guard.hold_key k using (hold_no)
       where h.released_at is null group by 1, 2, 3
      union all
      select 'subject', s.subject_kind, h.schedule_version
        from retain_guard.hold h join retain_guard.hold_subject s using (hold_no)
       where h.released_at is null group by 1, 2, 3`,
  );
}

/** Why records of the class can no longer be found by the keys that holds were placed on. */
export function lostClass(
  before: RetentionSchedule,
  next: RetentionSchedule,
  store: string,
  name: string,
): string | undefined {
  const was = before.recordClasses[name];
  const is = next.recordClasses[name];
  if (!was) return undefined;
  if (!is || is.store !== store) return 'the new schedule has no such class in this store';
  if (is.table.schema !== was.table.schema || is.table.name !== was.table.name) {
    return 'the class is of another table there';
  }
  return is.key.join('\0') === was.key.join('\0') ? undefined : 'its key is another one there';
}

/** Why records about the subject can no longer be found. */
export function lostSubject(
  before: RetentionSchedule,
  next: RetentionSchedule,
  store: string,
  kind: string,
): string | undefined {
  for (const was of Object.values(before.recordClasses)) {
    const columns = was.store === store ? (was.subjects[kind] ?? []) : [];
    if (columns.length === 0) continue;
    const lost = lostClass(before, next, store, was.id);
    const is = next.recordClasses[was.id]?.subjects[kind] ?? [];
    if (lost !== undefined || columns.some((column) => !is.includes(column))) {
      return `record class ${was.id} no longer names that subject in the same columns`;
    }
  }
  return undefined;
}
