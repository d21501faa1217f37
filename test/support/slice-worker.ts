/**
 * A worker without Temporal, as a process of its own that tests may kill: works the lanes in its task to
 * their end, trying again whatever the workflow would try again. Says on stdout, one line each, when it
 * begins (`>`) and ends (`<`) a call of the guard, and `done` at the end.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { disposeSlice } from '../../app/dispose-slice.ts';
import { fileEpochKeys } from '../../app/epoch-keys.ts';
import { fileLedgerKeys } from '../../app/ledger-keys.ts';
import { RetentionError } from '../../domain/errors.ts';
import { mayRetry } from '../../domain/retry.ts';
import { connectStore } from '../../stores/postgres/connection.ts';
import { postgresGuard } from '../../stores/postgres/guard-worker.ts';
import type { DisposalGuard } from '../../stores/store.ts';

export interface SliceTask {
  readonly url: string;
  readonly store: string;
  readonly keyDir: string;
  readonly run: string;
  readonly lanes: readonly { readonly step: number; readonly lane: number }[];
  readonly batchRecords: number;
  readonly sliceRecords: number;
}

const BEFORE_THE_NEXT_ATTEMPT_MS = 30;

const task = JSON.parse(process.argv[2] ?? '') as SliceTask;
const epochKeys = fileEpochKeys(task.keyDir, () => new Date().toISOString());
const ledgerKeys = fileLedgerKeys(task.keyDir);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

function told(guard: DisposalGuard): DisposalGuard {
  const tell = async <T>(name: string, call: () => Promise<T>): Promise<T> => {
    say(`> ${name}`);
    const answer = await call();
    say(`< ${name}`);
    return answer;
  };
  return {
    ...guard,
    claimLane: (lane) => tell('claimLane', () => guard.claimLane(lane)),
    disposeBatch: (lane, fence, limit) =>
      tell('disposeBatch', () =>
        guard.disposeBatch(lane, fence, Math.min(limit, task.batchRecords)),
      ),
    sealBatch: (sealed) => tell('sealBatch', () => guard.sealBatch(sealed)),
  };
}

async function workLane(guard: DisposalGuard, step: number, lane: number): Promise<void> {
  const worker = `slice-worker-${process.pid}`;
  const deps = { guard, epochKeys, ledgerKeys, worker, now: Date.now };
  const slice = { run: task.run, step, lane };
  const limits = { sliceRecords: task.sliceRecords, sliceMs: 60_000 };
  const hooks = { onBatch: () => undefined, cancelled: () => false };
  for (;;) {
    try {
      const { outcome } = await disposeSlice(deps, { ...slice, ...limits }, hooks);
      if (outcome === 'finished') return;
    } catch (error) {
      if (!(error instanceof RetentionError) || !mayRetry(error.code)) throw error;
      say(`! ${error.code}`);
      await delay(BEFORE_THE_NEXT_ATTEMPT_MS);
    }
  }
}

async function connected(): Promise<Awaited<ReturnType<typeof connectStore>>> {
  for (;;) {
    try {
      return await connectStore(task.store, task.url, 'retain_worker', { maxConnections: 4 });
    } catch (error) {
      if (!(error instanceof RetentionError) || !mayRetry(error.code)) throw error;
      await delay(BEFORE_THE_NEXT_ATTEMPT_MS);
    }
  }
}

const connection = await connected();
const guard = told(postgresGuard(connection));
await Promise.all(task.lanes.map(({ step, lane }) => workLane(guard, step, lane)));
await connection.end();
say('done');
