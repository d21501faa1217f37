/** The composition of a worker: which use case is behind which activity, over which connections. */
import { hostname } from 'node:os';
import type { DisposeActivities, OrchestrateActivities } from '../activities/contract.ts';
import { disposeActivities } from '../activities/dispose-slice.ts';
import { orchestrateActivities } from '../activities/orchestrate.ts';
import type { Retain } from '../app/context.ts';
import { disposeSlice } from '../app/dispose-slice.ts';
import { orchestration } from '../app/orchestrate.ts';
import { storePool } from '../app/store-pool.ts';
import { postgresGuard } from '../stores/postgres/guard-worker.ts';
import type { Logger } from './logging.ts';
import type { Queues } from './run-worker.ts';
import { sweepUnsealed } from './seal-sweep.ts';

export interface WorkerActivities {
  readonly orchestrate: OrchestrateActivities;
  readonly dispose: DisposeActivities;
  /** Closes the connections to the stores; for when no activity runs any more. */
  end(): Promise<void>;
}

/** Two connections a slot: one destroys while the other seals; and two for everything else. */
const CONNECTIONS_PER_SLOT = 2;
const SPARE_CONNECTIONS = 2;

/** The activities, and beside them the sweep that seals what a crashed worker left. */
export function workerActivities(
  retain: Retain,
  { queues, slots, logger }: { queues: Queues; slots: number; logger: Logger },
): WorkerActivities {
  const pool = storePool(retain, slots * CONNECTIONS_PER_SLOT + SPARE_CONNECTIONS);
  const worker = `${hostname()}:${process.pid}`;
  // Sealing needs the rights of the dispose queue.
  const stopSweeping =
    queues === 'orchestrate' ? undefined : sweepUnsealed(retain, pool, worker, logger);
  return {
    orchestrate: orchestrateActivities(orchestration(retain, pool)),
    dispose: disposeActivities(async (input, hooks) => {
      const guard = postgresGuard(await pool.connection(input.store, 'retain_worker'));
      const deps = { guard, epochKeys: retain.epochKeys, worker, now: () => Date.now() };
      return disposeSlice(deps, input, hooks);
    }),
    end: async () => {
      await stopSweeping?.();
      await pool.end();
    },
  };
}
