/** What a store has once, or for a while only: for which schedule and holds it stands, keys of its records. */
import {
  changedPlanned,
  guardState,
  oddStaged,
  revokedSigners,
  strayPlanned,
} from '../../../stores/postgres/audit-state.ts';
import type { StoreConnection } from '../../../stores/postgres/connection.ts';
import type { Comparison } from './comparison.ts';
import type { Ends } from './ends.ts';
import { type DatabaseFinding, found, unsequenced } from './findings.ts';
import type { NamedKeys } from './named-keys.ts';
import type { Restores } from './restores.ts';
import { excess } from './rows.ts';

/** One store, and what the log says that concerns it. */
export interface StoreInLog {
  readonly comparison: Comparison;
  readonly restores: Restores;
  readonly ends: Ends;
  readonly keys: NamedKeys;
  readonly source: string;
  readonly connection: StoreConnection;
}

type Finds = AsyncGenerator<DatabaseFinding>;

/** The few rows that say for which store, schedule and holds the guard stands, and from where it counts. */
export async function* state({
  comparison,
  restores,
  connection,
  ends,
  source,
}: StoreInLog): Finds {
  const guard = ends.guards.get(source);
  const row = await guardState(connection.sql, connection.store);
  const versions = await comparison.retain.control.scheduleVersions();
  // One may have been installed since, and the row of one in the log may be gone.
  const newest = Math.max(ends.newestSchedule, versions[0]?.version ?? 0);
  const differs = (table: string, column: string) =>
    found('E_DB_ROW', `retain_guard.${table} was changed in ${column}.`, {
      ...{ source, table: `retain_guard.${table}`, row: 'the only row', columns: [column] },
    });
  if (guard?.removed === false) {
    if (row.store !== connection.store) yield differs('installation', 'store');
    if (row.version !== String(guard.version)) yield differs('installation', 'version');
  }
  const schedule = Number(row.schedule ?? 0);
  if (schedule < (guard?.schedule ?? 0) || schedule > newest) {
    yield differs('schedule_in_force', 'version');
  }
  if (BigInt(row.holds ?? -1) < (guard?.holds ?? 0n)) {
    yield differs('hold_state', 'version');
  }
  if (row.resumed !== String(restores.resumedAfter(source))) {
    yield differs('event_state', 'resumed_after');
  }
}

/** Keys of destroyed records are there from the commit of their batch to its seal, and not a moment longer. */
export async function* staged({ source, connection: { sql, store } }: StoreInLog): Finds {
  const where = { source, table: 'retain_guard.batch_staged' };
  for (const { batch, stray, sealed, columns } of await oddStaged(sql, store)) {
    if (stray || sealed) {
      yield excess(where, batch, `has keys of a batch that is ${stray ? 'not there' : 'sealed'}`);
    } else {
      const message = `${where.table} ${batch} was changed in ${columns.join(', ')}.`;
      yield found('E_DB_ROW', message, { ...where, row: batch, columns: [...columns], batch });
    }
  }
}

/** The keys of a step are those that its plan names, until its run is over. */
export async function* planned({ source, ends, connection }: StoreInLog): Finds {
  const { sql, store } = connection;
  const where = { source, table: 'retain_guard.planned' };
  for (const step of await strayPlanned(sql, store)) {
    yield excess(where, step, 'has keys of a step that is in no plan, or whose run is over');
  }
  if (ends.guards.get(source)?.removed !== false) return;
  for (const row of await changedPlanned(sql, store)) {
    const message = `${where.table} ${row} does not have the keys that its plan names.`;
    yield found('E_DB_ROW', message, { ...where, row, columns: ['key'] });
  }
}

/**
 * A store is told of a revoked worker key first, then the log is; nothing is sealed with it in between. Where that
 * was not finished, asking for the revocation again does.
 */
export async function* signers({ source, ends, keys, connection }: StoreInLog): Finds {
  if (ends.guards.get(source)?.removed !== false) return;
  const where = { source, table: 'retain_guard.revoked_signer' };
  const told = new Map(
    (await revokedSigners(connection.sql, connection.store)).map((one) => [one.name, one.seconds]),
  );
  for (const name of keys.revokedWorkers) {
    if (!told.delete(name)) {
      yield found('E_DB_MISSING', `${where.table} ${name} is gone.`, { ...where, row: name });
    }
  }
  for (const [row, seconds] of told) {
    const finding = unsequenced({ ...where, row }, seconds);
    if (finding !== undefined) yield finding;
  }
}
