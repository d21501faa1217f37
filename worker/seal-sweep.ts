/** Beside the slices: seals what a crashed worker left, so that no batch waits for its lane to be worked again. */
import { type Retain, scheduleInForce } from '../app/context.ts';
import { validWorker } from '../app/ledger/known-keys.ts';
import { sealBacklog } from '../app/seal.ts';
import type { StorePool } from '../app/store-pool.ts';
import { RetentionError } from '../domain/errors.ts';
import { postgresGuard } from '../stores/postgres/guard-worker.ts';
import type { Logger } from './logging.ts';

const SWEEP_EVERY_MS = 10_000;
/** A batch younger than this is most likely being sealed by the worker that destroyed it. */
const WAITING_SECONDS = 10;

/** Starts sweeping every store of the schedule in force; answers how to stop. */
export function sweepUnsealed(
  retain: Retain,
  pool: StorePool,
  worker: string,
  logger: Logger,
): () => Promise<void> {
  let sweeping = Promise.resolve();
  const timer = setInterval(() => {
    sweeping = sweeping.then(() => sweep(retain, pool, worker, logger));
  }, SWEEP_EVERY_MS);
  return async () => {
    clearInterval(timer);
    await sweeping;
  };
}

async function sweep(
  retain: Retain,
  pool: StorePool,
  worker: string,
  logger: Logger,
): Promise<void> {
  try {
    const { schedule } = await scheduleInForce(retain);
    const { epochKeys, ledgerKeys } = retain;
    await validWorker(retain.control.ledger, ledgerKeys);
    for (const store of Object.keys(schedule.stores)) {
      const guard = postgresGuard(await pool.connection(store, 'retain_worker'));
      const lanes = await sealBacklog({ guard, epochKeys, ledgerKeys, worker }, WAITING_SECONDS);
      if (lanes > 0) logger.info({ store, lanes }, 'sealed what another worker left');
    }
  } catch (error) {
    // The next sweep tries again; until then the backlog stops its lanes and shows in `retain doctor`.
    const code = error instanceof RetentionError ? error.code : 'unknown';
    logger.warn({ code }, 'could not seal the backlog');
  }
}
