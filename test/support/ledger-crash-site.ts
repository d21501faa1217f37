/** Runs, and two keepers of one ledger, as processes that can be killed one by one, and the server below them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { folderSink } from '../../app/ledger/folder-sink.ts';
import type { PlanRequest } from '../../app/plan-run.ts';
import { RetentionError } from '../../domain/errors.ts';
import { mayRetry } from '../../domain/retry.ts';
import { startSliceWorker } from './crash-campaign.ts';
import { type EstateSize, estate, type Lane } from './estate.ts';
import type { Governed } from './governed.ts';
import { type Head, headOfNote } from './ledger-evidence.ts';
import type { KeeperTask } from './ledger-keeper.ts';
import { type LedgerWatch, watchLedger } from './ledger-watch.ts';
import { privatePostgres } from './private-postgres.ts';
import { type ScriptProcess, startScript } from './script-process.ts';

export interface LedgerCrashSite {
  readonly governed: Governed;
  /** Where both keepers publish. */
  readonly dir: string;
  /** Where they write down every note. */
  readonly notesDir: string;
  readonly watch: LedgerWatch;
  /** The keepers of now. The second one's clock is another one at every look. */
  readonly keepers: () => readonly [ScriptProcess, ScriptProcess];
  /** The worker of now, while a run is worked. */
  readonly worker: () => ScriptProcess | undefined;
  /** Plans, approves and opens a run, has it worked to its end however many workers that takes, closes it. */
  work(request: Partial<PlanRequest>, batchRecords: number): Promise<void>;
  /** The head that the folder shows now. */
  shown(): Promise<Head | undefined>;
  killKeeper(which: 0 | 1): Promise<void>;
  /** False when it ended by itself first. */
  killWorker(worker: ScriptProcess): Promise<boolean>;
  killDatabase(): Promise<void>;
  end(): Promise<void>;
}

const KEEPER = fileURLToPath(new URL('ledger-keeper.ts', import.meta.url));
const LANES_PER_STEP = 2;
const SLICE_RECORDS = 200;
const AGAIN_MS = 50;
const MOST_ATTEMPTS = 1_200;

export async function ledgerCrashSite(size: EstateSize): Promise<LedgerCrashSite> {
  const postgres = await privatePostgres('ledger-postgres');
  const governed = await estate({ ...size, database: postgres.database, ledger: 'waits' });
  const { url, keyDir, store } = governed;
  const home = mkdtempSync(join(tmpdir(), 'retain-ledger-'));
  const dir = join(home, 'published');
  const notesDir = mkdtempSync(join(home, 'notes-'));
  const startKeeper = (which: 0 | 1): ScriptProcess => {
    const clockSeed = which === 1 && { clockSeed: size.seed };
    const task: KeeperTask = { url, keyDir, dir, notesDir, ...clockSeed };
    return startScript(KEEPER, [JSON.stringify(task)]);
  };
  const keepers: [ScriptProcess, ScriptProcess] = [startKeeper(0), startKeeper(1)];
  const watch = watchLedger(dir, keyDir);
  let working: ScriptProcess | undefined;

  async function workLanes(run: string, lanes: readonly Lane[], batchRecords: number) {
    const task = { url, store, keyDir, run, lanes, batchRecords, sliceRecords: SLICE_RECORDS };
    for (;;) {
      working = startSliceWorker(task);
      const { exitCode, lastWords } = await working.ended;
      working = undefined;
      if (exitCode === 0) return;
      if (exitCode !== null) throw new Error(`a worker ended by itself: ${lastWords}`);
    }
  }

  return {
    ...{ governed, dir, notesDir, watch, keepers: () => keepers, worker: () => working },
    async work(request, batchRecords) {
      const plan = await insist(() => governed.plan({ lanes: LANES_PER_STEP, ...request }));
      await insist(() => governed.approve(plan));
      await insist(() => governed.open(plan));
      const { run } = plan.document;
      const lanes = await insist(
        () => governed.sql<{ step: number; lane: number }[]>`
          select step_no as step, lane_no as lane from retain_guard.lane where run_id = ${run}`,
      );
      await workLanes(
        run,
        lanes.map((lane) => ({ ...lane, recordClass: '' })),
        batchRecords,
      );
      await insist(() => governed.close(plan));
    },
    shown: async () => {
      const note = await folderSink(dir).readCheckpoint();
      return note && headOfNote(note);
    },
    async killKeeper(which) {
      await keepers[which].kill();
      const { exitCode, lastWords } = await keepers[which].ended;
      if (exitCode !== null) throw new Error(`a keeper ended by itself: ${lastWords}`);
      keepers[which] = startKeeper(which);
    },
    async killWorker(worker) {
      await worker.kill();
      return (await worker.ended).exitCode === null;
    },
    killDatabase: () => postgres.kill(),
    async end() {
      watch.stop();
      for (const keeper of keepers) await keeper.kill();
      await governed.end();
      await postgres.end();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Asks until it is answered: what a person or a workflow does while the database is away. */
export async function insist<T>(ask: () => PromiseLike<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      const isFinal = error instanceof RetentionError && !mayRetry(error.code);
      if (isFinal || attempt === MOST_ATTEMPTS) throw error;
      await delay(AGAIN_MS);
    }
  }
}
