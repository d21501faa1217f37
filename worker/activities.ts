/** The composition of a worker: which use case is behind which activity, over which connections. */
import { hostname } from 'node:os';
import type {
  DisposeActivities,
  LedgerActivities,
  OrchestrateActivities,
} from '../activities/contract.ts';
import { disposeActivities } from '../activities/dispose-slice.ts';
import { orchestrateActivities } from '../activities/orchestrate.ts';
import type { Retain } from '../app/context.ts';
import { disposeSlice } from '../app/dispose-slice.ts';
import { requireLedgerInStep, requireStoreInStep } from '../app/ledger/in-step.ts';
import { validWorker } from '../app/ledger/known-keys.ts';
import { orchestration } from '../app/orchestrate.ts';
import { storePool } from '../app/store-pool.ts';
import { postgresGuard } from '../stores/postgres/guard-worker.ts';
import { storeLedger } from '../stores/postgres/ledger-source.ts';
import { keptLedger } from './keep-ledger.ts';
import type { Logger } from './logging.ts';
import { NO_PUBLICATION, type Publication } from './publication.ts';
import type { Queues } from './run-worker.ts';
import { sweepUnsealed } from './seal-sweep.ts';

export interface WorkerActivities {
  readonly orchestrate: OrchestrateActivities;
  readonly dispose: DisposeActivities;
  /** Where the dispose queue is served. */
  readonly ledger?: LedgerActivities;
  /** Closes the connections to the stores; for when no activity runs any more. */
  end(): Promise<void>;
}

/** Two connections a slot: one destroys while the other seals; and two for everything else. */
const CONNECTIONS_PER_SLOT = 2;
const SPARE_CONNECTIONS = 2;

export interface WorkerSettings {
  readonly queues: Queues;
  readonly slots: number;
  readonly logger: Logger;
  /** Where the ledger is published; nowhere when missing. */
  readonly publication?: Publication;
}

/** The activities, and beside them the sweep that seals what a crashed worker left. */
export function workerActivities(
  retain: Retain,
  { queues, slots, logger, publication = NO_PUBLICATION }: WorkerSettings,
): WorkerActivities {
  const pool = storePool(retain, slots * CONNECTIONS_PER_SLOT + SPARE_CONNECTIONS);
  const worker = `${hostname()}:${process.pid}`;
  // Sealing needs the rights of the dispose queue.
  const stopSweeping =
    queues === 'orchestrate' ? undefined : sweepUnsealed(retain, pool, worker, logger);
  return {
    orchestrate: orchestrateActivities(orchestration(retain, pool)),
    ...(queues !== 'orchestrate' && { ledger: keptLedger(retain, pool, publication, logger) }),
    dispose: disposeActivities(async (input, hooks) => {
      const { ledger } = retain.control;
      const connection = await pool.connection(input.store, 'retain_worker');
      await requireLedgerInStep(ledger, retain.ledgerSigner);
      await requireStoreInStep(ledger, storeLedger(connection), input.run);
      const { epochKeys, ledgerKeys } = retain;
      // What another key seals would never enter the ledger.
      await validWorker(ledger, ledgerKeys);
      const guard = postgresGuard(connection);
      const now = () => Date.now();
      const deps = { guard, epochKeys, ledgerKeys, worker, now };
      return disposeSlice(deps, input, hooks);
    }),
    end: async () => {
      await stopSweeping?.();
      await pool.end();
    },
  };
}
