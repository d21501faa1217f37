/** The end of epoch keys, as the guard allows it. */
import type { StoreConnection } from './connection.ts';
import { asStore } from './driver-error.ts';

/** An epoch key as a store knows it. */
export interface CommittedKey {
  readonly epoch: string;
  /** Of its key, hex. */
  readonly commitment: string;
}

export interface EpochGuard {
  /**
   * Throws, with the reason, while the key must not be destroyed: `EPOCH_KEY_MISMATCH`, `EPOCH_KEY_IN_USE`,
   * `EPOCH_KEY_HELD`. With `onDate` also while its day is not over by the store's clock, or it has none.
   */
  requireOver(key: CommittedKey, onDate: boolean): Promise<void>;
  /**
   * Writes down and tells the ledger that the key is destroyed, in one transaction with the same check; false
   * when that was done before. `onDate` takes a connection of `retain_worker`, any other time `retain_app`.
   */
  destroy(key: CommittedKey, onDate: boolean): Promise<boolean>;
}

interface Told {
  readonly told: boolean;
}

/** Binds a connection of either role to the port. */
export function epochGuard({ sql, store }: StoreConnection): EpochGuard {
  return {
    requireOver: ({ epoch, commitment }, onDate) =>
      asStore(store, async () => {
        await sql`
          select retain_guard.require_epoch_over(${epoch}, ${Buffer.from(commitment, 'hex')}, ${onDate})`;
      }),
    destroy: ({ epoch, commitment }, onDate) =>
      asStore(store, async () => {
        const bytes = Buffer.from(commitment, 'hex');
        const [row] = await (onDate
          ? sql<Told[]>`select retain_guard.destroy_epoch_on_date(${epoch}, ${bytes}) as told`
          : sql<Told[]>`select retain_guard.destroy_epoch_by_hand(${epoch}, ${bytes}) as told`);
        return row?.told ?? false;
      }),
  };
}
