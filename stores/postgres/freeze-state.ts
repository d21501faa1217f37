/** From when a hold stands against everybody, or whom it still waits for. Connection role: `retain_app`. */
import type { StoreConnection } from './connection.ts';
import { asStore } from './driver-error.ts';

/** A transaction that was writing when the hold was placed and has not ended. */
export interface Writer {
  /** Of its session; null for a prepared transaction, which has none. */
  readonly pid: number | null;
  /** Name of a prepared transaction. */
  readonly prepared: string | null;
  readonly application: string | null;
  /** RFC 3339 UTC; null where the server does not tell this role. */
  readonly since: string | null;
}

export interface Freeze {
  /** RFC 3339 UTC: nobody changes or deletes what the hold covers after it. Null while writers are waited for. */
  readonly frozenAt: string | null;
  /** Empty once frozen, and for a hold that was released first. */
  readonly waitsFor: readonly Writer[];
}

/**
 * Freezes the hold if the writers older than it have ended, and says whom it waits for if not. Waits for
 * nobody, and nobody waits for it. `HOLD_UNKNOWN`.
 */
export async function confirmFreeze(
  { sql, store }: StoreConnection,
  holdNo: number,
): Promise<Freeze> {
  return asStore(store, async () => {
    const [row] = await sql<{ at: string | null; writers: Writer[] }[]>`
      select to_char(frozen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, waits_for as writers
        from retain_guard.confirm_freeze(${holdNo})`;
    return { frozenAt: row?.at ?? null, waitsFor: row?.writers ?? [] };
  });
}
