/** What certificates are made with: the schedule in force, connections to its stores, their batches. */
import type { StoreConnection } from '../../stores/postgres/connection.ts';
import { storeLedger } from '../../stores/postgres/ledger-source.ts';
import { type Retain, type ScheduleInForce, scheduleInForce } from '../context.ts';
import { asLogged, type ReadSealed } from '../ledger/log-reader.ts';
import { storeOf } from '../ledger/open-ledger.ts';
import { storePool } from '../store-pool.ts';

export interface Desk {
  readonly retain: Retain;
  readonly inForce: ScheduleInForce;
  connection(store: string): Promise<StoreConnection>;
  /** Batches as the log has them; each is read once. */
  readonly readSealed: ReadSealed;
}

/** One certificate asks one question after the other. */
const CONNECTIONS = 2;

/** Runs `work` with connections to the stores it asks for, and closes them. */
export async function withDesk<T>(retain: Retain, work: (desk: Desk) => Promise<T>): Promise<T> {
  const inForce = await scheduleInForce(retain);
  const pool = storePool(retain, CONNECTIONS, inForce.schedule);
  const connection = (store: string) => pool.connection(store, 'retain_app');
  const read = asLogged(retain.control.ledger, async (source, batch) =>
    storeLedger(await connection(storeOf(source))).sealed(batch),
  );
  const batches = new Map<string, ReturnType<ReadSealed>>();
  const readSealed: ReadSealed = (source, batch) => {
    const sealed = batches.get(batch) ?? read(source, batch);
    batches.set(batch, sealed);
    return sealed;
  };
  try {
    return await work({ retain, inForce, connection, readSealed });
  } finally {
    await pool.end();
  }
}
