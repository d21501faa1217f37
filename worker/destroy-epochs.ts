/** Beside the rounds of the ledger: destroys the epoch keys whose day is over. */
import type { Retain } from '../app/context.ts';
import { destroyDueEpochKeys } from '../app/ledger/epoch-admin.ts';
import type { StorePool } from '../app/store-pool.ts';
import { RetentionError } from '../domain/errors.ts';
import type { Logger } from './logging.ts';

/** A day is over once; an hour later is early enough. */
const LOOK_EVERY_MS = 3_600_000;

/** A look that does nothing until an hour after the last one. Failures are logged; the next look tries again. */
export function epochLooks(retain: Retain, pool: StorePool, logger: Logger): () => Promise<void> {
  let lookedAt = Number.NEGATIVE_INFINITY;
  return async () => {
    // Not the wall clock, which somebody may set back.
    if (performance.now() - lookedAt < LOOK_EVERY_MS) return;
    lookedAt = performance.now();
    try {
      const { destroyed, postponed } = await destroyDueEpochKeys(
        {
          ...retain,
          inStore: async (store, work) => work(await pool.connection(store, 'retain_worker')),
        },
        Date.now(),
      );
      for (const epoch of destroyed) logger.info({ epoch }, 'destroyed an epoch key');
      for (const { epoch, code } of postponed) {
        logger.warn({ epoch, code }, 'an epoch key whose day is over has to wait');
      }
    } catch (error) {
      const code = error instanceof RetentionError ? error.code : 'unknown';
      logger.warn({ code }, 'could not look for epoch keys whose day is over');
    }
  };
}
