/** The turns of the ledger, bound to this worker's databases, keys and places of publication. */
import type { LedgerActivities } from '../activities/contract.ts';
import { ledgerActivities } from '../activities/keep-ledger.ts';
import { type Retain, scheduleInForce } from '../app/context.ts';
import { delivery } from '../app/ledger/delivery.ts';
import { keepLedger } from '../app/ledger/keep.ts';
import { storeOf } from '../app/ledger/open-ledger.ts';
import type { Round } from '../app/ledger/round.ts';
import type { StorePool } from '../app/store-pool.ts';
import { type StoreLedger, storeLedger } from '../stores/postgres/ledger-source.ts';
import { epochLooks } from './destroy-epochs.ts';
import type { Logger } from './logging.ts';
import type { Publication } from './publication.ts';

/** From here on disposal stops until the ledger follows again. */
const ALARM_AFTER_SECONDS = 60;

export function keptLedger(
  retain: Retain,
  pool: StorePool,
  publication: Publication,
  logger: Logger,
): LedgerActivities {
  /** Places that do not get signed heads, and why. */
  const failing = new Map<string, string>();
  const places = delivery({
    ...publication,
    ledger: retain.control.ledger,
    signedSize: async () => (await retain.ledgerSigner.last())?.size ?? 0,
    report: (target, code) => {
      failing.set(target, code);
      logger.warn(
        { target, code },
        'a signed head cannot be delivered there; it is tried again within a minute',
      );
    },
    recovered: (target) => {
      failing.delete(target);
      logger.info({ target }, 'signed heads are delivered there again');
    },
    now: () => Date.now(),
  });
  const stores = async (): Promise<string[]> => {
    if ((await retain.control.latestSchedule()) === undefined) return [];
    return Object.keys((await scheduleInForce(retain)).schedule.stores);
  };
  const open = async (store: string): Promise<StoreLedger> =>
    storeLedger(await pool.connection(store, 'retain_worker'));
  const lookAtEpochs = epochLooks(retain, pool, logger);
  return ledgerActivities(async (signal, beat) => {
    const looking = lookAtEpochs();
    const kept = await keepLedger(
      {
        ledger: retain.control.ledger,
        keys: retain.ledgerKeys,
        signer: retain.ledgerSigner,
        stores,
        open,
        readSealed: async (source, batch) => (await open(storeOf(source))).sealed(batch),
        delivery: places,
        now: () => Date.now(),
      },
      {
        signal,
        onRound: (round) => {
          beat(round.size);
          report(logger, round);
        },
      },
    );
    await looking;
    return { ...kept, undelivered: [...failing].map(([place, code]) => ({ place, code })) };
  });
}

function report(logger: Logger, { entries, size, oldestSeconds, troubled }: Round): void {
  for (const { store, code } of troubled)
    logger.warn({ store, code }, 'the ledger cannot follow a store');
  if (entries > 0) logger.debug({ entries, size }, 'appended to the ledger');
  if (oldestSeconds > ALARM_AFTER_SECONDS) {
    logger.warn(
      { code: 'LEDGER_LAGS', seconds: Math.round(oldestSeconds) },
      'something waited more than a minute for the ledger: disposal stops meanwhile',
    );
  }
}
