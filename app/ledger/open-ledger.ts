/** The ledger opened for reading: its head, and its entries wherever they are. */
import type { LogHead, StoredCheckpoint } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import { type StoreLedger, storeLedger } from '../../stores/postgres/ledger-source.ts';
import { type Retain, scheduleInForce } from '../context.ts';
import { storePool } from '../store-pool.ts';
import { type LogReader, logReader, type ReadSealed } from './log-reader.ts';
import { requireHead } from './sequence.ts';

export interface OpenLedger {
  readonly head: LogHead;
  readonly reader: LogReader;
  readonly readSealed: ReadSealed;
  readonly store: (source: string) => Promise<StoreLedger>;
}

/** Entries are read one batch at a time, and seldom by more than one reader. */
const CONNECTIONS = 2;

/** Runs `work` with connections to the stores it asks for, and closes them. Throws `LEDGER_MISSING`. */
export async function withLedger<T>(
  retain: Retain,
  work: (ledger: OpenLedger) => Promise<T>,
): Promise<T> {
  const head = await requireHead(retain.control.ledger);
  const { schedule } = await scheduleInForce(retain);
  const pool = storePool(retain, CONNECTIONS, schedule);
  const store = async (source: string): Promise<StoreLedger> =>
    storeLedger(await pool.connection(storeOf(source), 'retain_app'));
  const readSealed: ReadSealed = async (source, batch) => (await store(source)).sealed(batch);
  try {
    const reader = logReader(retain.control.ledger, head, readSealed);
    return await work({ head, reader, readSealed, store });
  } finally {
    await pool.end();
  }
}

/** The store behind a source of the log (`store:<id>`). */
export function storeOf(source: string): string {
  return source.replace(/^store:/, '');
}

/** The newest checkpoint; `LEDGER_LAGS` when nothing was signed yet. */
export async function requireCheckpoint(retain: Retain): Promise<StoredCheckpoint> {
  const checkpoint = await retain.control.ledger.checkpoint();
  if (checkpoint !== undefined) return checkpoint;
  throw new RetentionError(
    'LEDGER_LAGS',
    'The ledger has no checkpoint yet: a worker signs one within seconds. Is one running?',
  );
}
