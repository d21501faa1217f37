/** A run of fakes on the real Temporal server of the global setup. */
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { inject, onTestFinished } from 'vitest';
import { disposeActivities } from '../../activities/dispose-slice.ts';
import { orchestrateActivities } from '../../activities/orchestrate.ts';
import { connectTemporal, startPurgeRun, type TemporalLink } from '../../app/temporal-client.ts';
import { type RunningWorker, startWorker } from '../../worker/run-worker.ts';
import type { PurgeRunInput } from '../../workflows/messages.ts';
import type { FakeRun } from './fake-run.ts';
import './provided.ts';

export const DIGEST = `sha256:${'91cc4e'.padEnd(64, '0')}`;

export async function connect(): Promise<TemporalLink> {
  return connectTemporal({
    connectionOptions: { address: inject('temporalAddress') },
    namespace: inject('temporalNamespace'),
  });
}

/** A worker for both queues that stops when the test ends, if it has not been stopped before. */
export async function workerFor(fake: FakeRun): Promise<RunningWorker> {
  const worker = await startWorker({
    connection: { address: inject('temporalAddress') },
    namespace: inject('temporalNamespace'),
    bundlePath: inject('workflowBundlePath'),
    queues: 'both',
    orchestrate: orchestrateActivities(fake),
    dispose: disposeActivities(fake.runSlice),
    slots: 2,
    logger: pino({ level: 'silent' }),
    graceMs: 0,
  });
  onTestFinished(() => worker.stop());
  return worker;
}

/** Starts a run with an id of its own and answers its input. */
export async function begin(
  link: TemporalLink,
  overrides: Partial<PurgeRunInput> = {},
): Promise<PurgeRunInput> {
  const input: PurgeRunInput = {
    run: randomUUID(),
    store: 'housing',
    digest: DIGEST,
    requestedBy: 'amira',
    expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    pace: { sliceRecords: 100, sliceMs: 60_000, eventsPerRun: 3_000 },
    ...overrides,
  };
  await startPurgeRun(link.client, input);
  return input;
}
