import { Client } from '@temporalio/client';
import {
  NativeConnection,
  type NativeConnectionOptions,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import {
  DISPOSE_QUEUE,
  type DisposeActivities,
  LEDGER_QUEUE,
  type LedgerActivities,
  ORCHESTRATE_QUEUE,
  type OrchestrateActivities,
} from '../activities/contract.ts';
import { startKeepingLedger } from '../app/temporal-client.ts';
import { RetentionError } from '../domain/errors.ts';
import { CLEAN_FAILURES } from './interceptor.ts';
import { installRuntime, type Logger } from './logging.ts';

/** Which queues a process serves; they need different rights in the databases. */
export type Queues = 'both' | 'orchestrate' | 'dispose';

export interface StartWorkerOptions {
  readonly connection: NativeConnectionOptions;
  readonly namespace: string;
  /** Path of the workflow bundle; needed where `orchestrate` is served. */
  readonly bundlePath: string;
  readonly queues: Queues;
  readonly orchestrate?: OrchestrateActivities;
  readonly dispose?: DisposeActivities;
  /** Served beside the dispose queue. */
  readonly ledger?: LedgerActivities;
  /** Slices at the same time. Each uses one database connection; 2 to 4 saturate two cores. */
  readonly slots: number;
  readonly logger: Logger;
  /** How long slices may go on before they are asked to end after their batch. */
  readonly graceMs?: number;
}

export interface RunningWorker {
  /** Takes no more work, lets slices end after their batch, and resolves when nothing is in flight. */
  stop(): Promise<void>;
  /** Rejects when a worker fails by itself; the other is stopped then. */
  readonly done: Promise<void>;
}

// Half a slice, and less than the 30 s after which container platforms kill.
const GRACE_MS = 20_000;
const FORCE_AFTER_GRACE_MS = 25_000;

/** Starts the workers of this process. Throws `TEMPORAL_UNAVAILABLE` when the server does not answer. */
export async function startWorker(options: StartWorkerOptions): Promise<RunningWorker> {
  installRuntime(options.logger);
  const connection = await connect(options.connection);
  try {
    const workers: Worker[] = [];
    if (options.queues !== 'dispose') workers.push(await orchestrateWorker(options, connection));
    if (options.queues !== 'orchestrate') workers.push(await disposeWorker(options, connection));
    if (options.ledger) {
      workers.push(await ledgerWorker(options, connection));
      await startKeepingLedger(new Client({ connection, namespace: options.namespace }));
    }
    options.logger.info({ queues: options.queues, lanes: options.slots }, 'worker started');
    return supervise(workers, connection);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function connect(options: NativeConnectionOptions): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect(options);
  } catch (cause) {
    throw new RetentionError(
      'TEMPORAL_UNAVAILABLE',
      'Temporal does not answer: check TEMPORAL_ADDRESS and whether the server runs.',
      {},
      cause,
    );
  }
}

function common(
  options: StartWorkerOptions,
  connection: NativeConnection,
): Pick<
  WorkerOptions,
  'connection' | 'namespace' | 'shutdownGraceTime' | 'shutdownForceTime' | 'interceptors'
> & { connection: NativeConnection } {
  const graceMs = options.graceMs ?? GRACE_MS;
  return {
    connection,
    namespace: options.namespace,
    shutdownGraceTime: graceMs,
    shutdownForceTime: graceMs + FORCE_AFTER_GRACE_MS,
    interceptors: { activity: [() => ({ inbound: CLEAN_FAILURES })] },
  };
}

/** Small numbers: a run is a few dozen events, and two cores are shared with the slices. */
function orchestrateWorker(
  options: StartWorkerOptions,
  connection: NativeConnection,
): Promise<Worker> {
  return Worker.create({
    ...common(options, connection),
    taskQueue: ORCHESTRATE_QUEUE,
    workflowBundle: { codePath: options.bundlePath },
    activities: { ...required(options.orchestrate, 'orchestrate') },
    maxConcurrentWorkflowTaskExecutions: 20,
    maxConcurrentWorkflowTaskPolls: 4,
    maxConcurrentActivityTaskExecutions: 10,
    maxConcurrentActivityTaskPolls: 2,
    maxCachedWorkflows: 200,
  });
}

/** Activities only. A cancellation arrives with a heartbeat's answer, so within 10 s. */
function disposeWorker(options: StartWorkerOptions, connection: NativeConnection): Promise<Worker> {
  return Worker.create({
    ...common(options, connection),
    taskQueue: DISPOSE_QUEUE,
    activities: { ...required(options.dispose, 'dispose') },
    maxConcurrentActivityTaskExecutions: options.slots,
    maxConcurrentActivityTaskPolls: 2,
    maxHeartbeatThrottleInterval: '10s',
  });
}

/** One turn at a time: a second one would only lose against the first. */
function ledgerWorker(options: StartWorkerOptions, connection: NativeConnection): Promise<Worker> {
  return Worker.create({
    ...common(options, connection),
    // Between two rounds nothing is in flight: there is nothing to be graceful about.
    shutdownGraceTime: 0,
    taskQueue: LEDGER_QUEUE,
    activities: { ...required(options.ledger, 'ledger') },
    maxConcurrentActivityTaskExecutions: 1,
    maxConcurrentActivityTaskPolls: 1,
  });
}

function supervise(workers: readonly Worker[], connection: NativeConnection): RunningWorker {
  const shutDown = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const running = workers.map((worker) =>
    worker.run().catch((error: unknown) => {
      shutDown();
      throw error;
    }),
  );
  const done = Promise.allSettled(running).then(async (ends) => {
    await connection.close();
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  });
  // Reported to whoever awaits `done` or stops; without a listener it must not end the process.
  done.catch(() => undefined);
  return {
    done,
    async stop() {
      shutDown();
      await done;
    },
  };
}

function required<T>(activities: T | undefined, queue: string): T {
  if (activities === undefined) {
    throw new RetentionError('CONFIG_INVALID', `The ${queue} queue has no activities to serve.`);
  }
  return activities;
}
