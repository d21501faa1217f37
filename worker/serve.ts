/** The worker as a process: signals, last words and an exit code around `startWorker`. */
import { temporalConnectConfig } from '../config/env.ts';
import { workflowBundle } from './bundle.ts';
import type { Logger } from './logging.ts';
import { type RunningWorker, type StartWorkerOptions, startWorker } from './run-worker.ts';

export interface WorkerProcessOptions
  extends Pick<
    StartWorkerOptions,
    'queues' | 'orchestrate' | 'dispose' | 'ledger' | 'slots' | 'logger'
  > {
  /** Where a bundle is kept when none was built, such as `.retain`. */
  readonly dir: string;
}

/** `sysexits.h` EX_SOFTWARE: a defect, not a request that could not be met. */
const EX_SOFTWARE = 70;
const EX_INTERRUPTED = 130;

/**
 * Serves the queues until SIGINT or SIGTERM, then lets what is in flight end after its batch. A second
 * signal ends at once: whatever that interrupts was not committed. Rejects when a worker fails.
 */
export async function serve(options: WorkerProcessOptions): Promise<void> {
  const { logger } = options;
  endOnDefects(logger);
  // The zone is written down, not relied upon: every date is computed in a zone that is named.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const { connectionOptions, namespace } = temporalConnectConfig();
  const worker = await startWorker({
    ...options,
    connection: connectionOptions,
    namespace: namespace ?? 'default',
    bundlePath: await workflowBundle(options.dir),
  });
  logger.info({ zone, namespace: namespace ?? 'default' }, 'serving');
  stopOnSignals(worker, logger);
  await worker.done;
  logger.info('worker ended');
}

function stopOnSignals(worker: RunningWorker, logger: Logger): void {
  let asked = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (asked) process.exit(EX_INTERRUPTED);
      asked = true;
      logger.info({ signal }, 'stopping after the batches in flight');
      // A failure of the stop is a failure of `done`, which `serve` waits for.
      void worker.stop().catch(() => undefined);
    });
  }
}

/** After a defect nothing in memory can be trusted; everything that counts is in the databases. */
function endOnDefects(logger: Logger): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (err: unknown) => {
      logger.fatal({ err }, event);
      logger.flush(() => process.exit(EX_SOFTWARE));
    });
  }
}
