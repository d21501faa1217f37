/** A run of real workflows on servers of its own: worker and Temporal can be killed and come back. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applyRun, decideRun, planAndStart } from '../../app/run-commands.ts';
import { connectTemporal, type TemporalLink } from '../../app/temporal-client.ts';
import { readEnv } from '../../config/env.ts';
import { type EmbeddedTemporal, startTemporal } from '../../embedded/temporal.ts';
import { findTemporal } from '../../embedded/temporal-binary.ts';
import { type EstateSize, estate } from './estate.ts';
import { type Broken, brokenAtTheEnd } from './estate-checks.ts';
import type { Governed } from './governed.ts';
import { runFolder } from './run-folder.ts';
import { type ScriptProcess, startScript } from './script-process.ts';
import { waitFor } from './wait.ts';

const MAIN = fileURLToPath(new URL('../../worker/main.ts', import.meta.url));
const NAMESPACE = 'crash';

export interface CrashSite {
  readonly governed: Governed;
  /** Starts a worker process and resolves when it serves both queues. */
  readonly startWorker: () => Promise<ScriptProcess>;
  /** Kills Temporal with SIGKILL and starts it again on the same port with the same file. */
  readonly restartTemporal: () => Promise<void>;
  /** Plans, approves and applies over the whole estate; needs a worker. Answers the run. */
  readonly begin: () => Promise<string>;
  readonly destroyed: () => Promise<number>;
  /** Waits for the run to close by itself and answers how, and what is wrong with it. */
  readonly closed: (run: string, timeoutMs: number) => Promise<{ outcome: string; broken: Broken }>;
  readonly end: () => Promise<void>;
}

/** Missing when the environment names a Temporal server: that one is not ours to kill. */
export async function crashSite(size: EstateSize): Promise<CrashSite | undefined> {
  const location = await findTemporal({ env: readEnv(), onProgress: () => undefined });
  if (location.kind === 'server') return undefined;
  const folder = runFolder('crash-temporal');
  const options = {
    ...{ binary: location.path, namespace: NAMESPACE },
    ...{ dbFile: join(folder, 'state.db'), logFile: join(folder, 'temporal.log') },
  };
  let temporal: EmbeddedTemporal = await startTemporal(options);
  const { address, port } = temporal;
  const governed = await estate(size);
  const link = await connectTemporal({ connectionOptions: { address }, namespace: NAMESPACE });
  return {
    governed,
    startWorker: async () => {
      const worker = startScript(MAIN, [], workerEnvironment(governed, address));
      const serves = await worker.says('"msg":"serving"', 1);
      if (!serves) throw new Error(`the worker does not serve: ${(await worker.ended).lastWords}`);
      return worker;
    },
    restartTemporal: async () => {
      await temporal.kill('SIGKILL');
      temporal = await startTemporal({ ...options, port });
    },
    begin: () => begin(governed, link),
    destroyed: async () => {
      const [row] = await governed.sql<{ destroyed: number }[]>`
        select coalesce(sum(destroyed), 0)::integer as destroyed from retain_guard.lane`;
      return row?.destroyed ?? 0;
    },
    closed: (run, timeoutMs) => closed(governed, run, timeoutMs),
    end: async () => {
      await link.close();
      await governed.end();
      await temporal.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function workerEnvironment({ url, keyDir }: Governed, address: string): Record<string, string> {
  return {
    ...{ DATABASE_URL: url, TEST_STORE_URL: url, RETAIN_KEY_DIR: keyDir },
    ...{ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: NAMESPACE },
  };
}

async function begin({ retain }: Governed, { client }: TemporalLink): Promise<string> {
  const { entry, digest } = await planAndStart(retain, client, { actor: 'amira', lanes: 2 });
  await decideRun(retain, client, entry, 'approve', { actor: 'benedict', digest });
  await applyRun(retain, client, entry, 'amira');
  return entry.runId;
}

async function closed(
  { sql }: Governed,
  run: string,
  timeoutMs: number,
): Promise<{ outcome: string; broken: Broken }> {
  const outcome = await waitFor(
    async () => {
      const [row] = await sql<{ outcome: string | null }[]>`
        select outcome from retain_guard.run where run_id = ${run}`;
      return row?.outcome;
    },
    { what: 'the run to close by itself', timeoutMs, everyMs: 250 },
  );
  return { outcome, broken: await brokenAtTheEnd(sql) };
}
