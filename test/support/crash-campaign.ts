/** A run is worked while its worker, its connections or its database keep dying. */
import { rmSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type EmbeddedPostgres, startPostgres } from '../../embedded/postgres.ts';
import type { TestDatabase } from './database.ts';
import { type BegunRun, begin, type EstateSize, estate } from './estate.ts';
import { type Broken, brokenAtTheEnd } from './estate-checks.ts';
import { type CutRule, type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import type { Governed } from './governed.ts';
import { runFolder } from './run-folder.ts';
import { type ScriptProcess, startScript } from './script-process.ts';
import { seeded } from './seeded.ts';
import type { SliceTask } from './slice-worker.ts';
import { waitFor } from './wait.ts';

export interface CrashReport {
  readonly seed: number;
  /** Kills, cuts or restarts that hit. */
  readonly crashes: number;
  readonly batches: number;
  /** Batches that another attempt than their own sealed. */
  readonly recovered: number;
  readonly destroyed: number;
  /** What the worker that finished the run left behind: 0 and nothing. */
  readonly exitCode: number | null;
  readonly lastWords: string;
  readonly broken: Broken;
}

const CALLS = ['claimLane', 'disposeBatch', 'sealBatch'] as const;

/** Kills the worker with SIGKILL at random moments around its calls, starting another each time. */
export async function killCampaign(size: EstateSize, kills: number): Promise<CrashReport> {
  const governed = await estate(size);
  try {
    const chance = seeded(size.seed);
    const task = sliceTask(governed, await begin(governed));
    let killed = 0;
    while (killed < kills) {
      const worker = startSliceWorker(task);
      const call = chance.oneOf([...CALLS, 'disposeBatch', 'sealBatch']);
      // A lane is claimed once per slice, so there are fewer of these to wait for.
      const times = 1 + chance.integer(call === 'claimLane' ? 2 : 8);
      if (!(await worker.says(`${chance.oneOf(['>', '<'])} ${call}`, times))) break;
      for (let turns = chance.integer(40); turns > 0; turns -= 1) await nextTurn();
      await worker.kill();
      killed += 1;
    }
    return await report(governed, size.seed, killed, startSliceWorker(task));
  } finally {
    await governed.end();
  }
}

/** Every way to lose a connection around every statement of a slice, in an order of the seed. */
export const ALL_CUTS: readonly CutRule[] = [
  'claim_lane(',
  'dispose_batch(',
  'seal_batch(',
].flatMap((pattern) =>
  (['request', 'answer'] as const).flatMap((side) =>
    (['fin', 'rst'] as const).flatMap((how) =>
      [false, true].map((deliver) => ({ pattern, side, how, deliver })),
    ),
  ),
);

/** Cuts connections under one worker, which must live through all of it. */
export async function cutCampaign(size: EstateSize): Promise<CrashReport> {
  const governed = await estate(size);
  const upstream = new URL(governed.url);
  const proxy = await startFaultProxy({
    upstreamHost: upstream.hostname,
    upstreamPort: Number(upstream.port || 5432),
  });
  try {
    const url = new URL(governed.url);
    url.host = `127.0.0.1:${proxy.port}`;
    const task = { ...sliceTask(governed, await begin(governed)), url: url.href };
    const worker = startSliceWorker(task);
    await worker.says('< sealBatch', 1);
    await cutAll(proxy, worker, size.seed);
    return await report(governed, size.seed, proxy.cuts(), worker);
  } finally {
    await proxy.stop();
    await governed.end();
  }
}

async function cutAll(proxy: FaultProxy, worker: ScriptProcess, seed: number): Promise<void> {
  const chance = seeded(seed);
  const left = [...ALL_CUTS];
  let over = false;
  void worker.ended.then(() => {
    over = true;
  });
  while (left.length > 0 && !over) {
    const [rule] = left.splice(chance.integer(left.length), 1);
    if (rule === undefined) return;
    const before = proxy.cuts();
    const nth = 1 + chance.integer(rule.pattern === 'claim_lane(' ? 1 : 3);
    proxy.cutWhen({ ...rule, nth });
    const what = `a cut at ${rule.pattern} ${rule.side} ${rule.how} ${rule.deliver}`;
    await waitFor(() => over || proxy.cuts() > before, { what, timeoutMs: 30_000, everyMs: 2 });
  }
}

export type DatabaseCrash = 'stop' | 'kill' | 'backend';

/** Stops, kills and starts again a PostgreSQL of its own under one worker. */
export async function databaseCampaign(
  size: EstateSize,
  crashes: readonly DatabaseCrash[],
): Promise<CrashReport> {
  const dataDir = runFolder('crash-postgres');
  let server = await startPostgres({ dataDir });
  const { port } = server;
  try {
    const database: TestDatabase = {
      ...{ name: 'postgres', url: server.url },
      drop: () => Promise.resolve(),
    };
    const governed = await estate({ ...size, database });
    try {
      const worker = startSliceWorker(sliceTask(governed, await begin(governed)));
      let crashed = 0;
      for (const how of crashes) {
        if (!(await worker.says('< disposeBatch', 8))) break;
        if (how === 'backend') await killBackend(governed);
        else server = await restart(server, how, { dataDir, port });
        crashed += 1;
      }
      return await report(governed, size.seed, crashed, worker);
    } finally {
      await governed.end();
    }
  } finally {
    await server.remove();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function restart(
  server: EmbeddedPostgres,
  how: 'stop' | 'kill',
  again: { readonly dataDir: string; readonly port: number },
): Promise<EmbeddedPostgres> {
  if (how === 'stop') await server.stop();
  else await server.kill('SIGKILL');
  // Sessions of a killed server keep its shared memory until they notice.
  return waitFor(() => startPostgres(again), {
    what: 'PostgreSQL to start again',
    timeoutMs: 60_000,
  });
}

/** The loss of any session's process makes the server end all of them and recover. */
async function killBackend({ sql }: Governed): Promise<void> {
  const pid = await waitFor(
    async () => {
      const [row] = await sql<{ pid: number }[]>`
        select pid from pg_stat_activity where application_name = 'retain worker' and state = 'active'`;
      return row?.pid;
    },
    { what: 'a worker session at work', everyMs: 1 },
  );
  process.kill(pid, 'SIGKILL');
}

const SLICE_WORKER = fileURLToPath(new URL('slice-worker.ts', import.meta.url));

export function startSliceWorker(task: SliceTask): ScriptProcess {
  return startScript(SLICE_WORKER, [JSON.stringify(task)]);
}

export function sliceTask(governed: Governed, { run, lanes }: BegunRun): SliceTask {
  const { url, store, keyDir } = governed;
  return { ...{ url, store, keyDir, run, lanes }, batchRecords: 20, sliceRecords: 200 };
}

/** Waits for the worker to finish by itself, then asks the database. */
export async function report(
  governed: Governed,
  seed: number,
  crashes: number,
  worker: ScriptProcess,
): Promise<CrashReport> {
  const end = await worker.ended;
  const [row] = await waitFor(
    () => governed.sql<{ batches: number; recovered: number; destroyed: number }[]>`
      select count(*)::integer as batches, coalesce(sum(b.destroyed), 0)::integer as destroyed,
             (count(*) filter (where s.recovered))::integer as recovered
        from retain_guard.batch b left join retain_guard.batch_sealed s using (batch_id)`,
    { what: 'the database to answer' },
  );
  const counts = row ?? { batches: 0, recovered: 0, destroyed: 0 };
  return { seed, crashes, ...counts, ...end, broken: await brokenAtTheEnd(governed.sql) };
}
