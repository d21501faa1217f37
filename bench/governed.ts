/** The benchmark's database under the guard, and the ways to carry a plan out that are compared. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Retain } from '../app/context.ts';
import { disposeSlice } from '../app/dispose-slice.ts';
import { fileEpochKeys } from '../app/epoch-keys.ts';
import { beginLedger } from '../app/ledger/begin.ts';
import { fileSigner } from '../app/ledger/signer.ts';
import { createLedgerKeys, fileLedgerKeys } from '../app/ledger-keys.ts';
import { type Orchestration, orchestration } from '../app/orchestrate.ts';
import { planRun } from '../app/plan-run.ts';
import { installSchedule } from '../app/schedules.ts';
import { installStore } from '../app/store-admin.ts';
import { type StorePool, storePool } from '../app/store-pool.ts';
import { parseSchedule } from '../config/schedule-file.ts';
import { openControlDb } from '../db/client.ts';
import type { LaneId, SliceResult } from '../domain/disposal.ts';
import type { Plan } from '../domain/plan.ts';
import type { RetentionSchedule } from '../domain/schedule.ts';
import { guardApp } from '../stores/postgres/guard-app.ts';
import { postgresGuard } from '../stores/postgres/guard-worker.ts';
import type { BenchServer } from './server.ts';

export const STORE = 'bench';
export const REQUESTER = 'amira';
export const APPROVER = 'benedict';
export const RULE = 'record_6_years';
const SCHEDULE = new URL('./retention.yaml', import.meta.url);
/** As the workflows ask for. */
const SLICE = { sliceRecords: 100_000, sliceMs: 60_000 };

/** One way to carry a plan out. */
export interface Way {
  readonly name: string;
  /** A plan with so many lanes, approved by another person. */
  approvedPlan(lanes: number): Promise<Plan>;
  /** Opens the approved run, works it to its end and closes it. */
  carryOut(run: string): Promise<void>;
}

export interface Governed {
  readonly retain: Retain;
  /** A plan nobody has decided on. */
  plan(rule: string, lanes?: number): Promise<Plan>;
  /** The guard, the log and the holds in this process, without Temporal. */
  readonly lanesOnly: Way;
  /** One hold on these records. */
  placeHold(keys: readonly string[]): Promise<void>;
  /** Takes the holds away without a trace, which only the owner of the server can do. */
  forgetHolds(): Promise<void>;
  /** Gives the guard its rights on tables that were made anew. */
  regrant(): Promise<void>;
  end(): Promise<void>;
}

/** Connects to a database in which the guard is installed; installs it when `install` says so. */
export async function governed(
  server: Pick<BenchServer, 'url' | 'dir'>,
  install: boolean,
): Promise<Governed> {
  const control = await openControlDb(server.url, { migrate: install });
  const keyDir = join(server.dir, 'keys');
  await createLedgerKeys(keyDir);
  const ledgerKeys = fileLedgerKeys(keyDir);
  const retain: Retain = {
    control,
    urlOf: () => server.url,
    epochKeys: fileEpochKeys(keyDir, () => new Date().toISOString()),
    ledgerKeys,
    ledgerSigner: fileSigner(keyDir, ledgerKeys),
  };
  await beginLedger(retain, 'retain.localhost/bench');
  if (install) await installGuardAndSchedule(retain);
  const pool = storePool(retain, 4);
  const runs = orchestration(retain, pool);
  const plan = (rule: string, lanes = 1) =>
    planRun(retain, { actor: REQUESTER, lanes, rules: [rule] });
  return {
    retain,
    plan,
    lanesOnly: {
      name: 'lanes only',
      async approvedPlan(lanes) {
        const made = await plan(RULE, lanes);
        const { run } = made.document;
        const decision = { decision: 'approve', actor: APPROVER, digest: made.digest } as const;
        await runs.recordDecision({ run, store: STORE, ...decision });
        return made;
      },
      carryOut: (run) => carryOut(retain, pool, runs, run),
    },
    placeHold: (keys) => placeHold(pool, keys),
    forgetHolds: () => forgetHolds(pool),
    regrant: () => installStore(retain, benchSchedule().schedule, STORE),
    async end() {
      await pool.end();
      await control.end();
    },
  };
}

function benchSchedule(): { text: string; schedule: RetentionSchedule } {
  const text = readFileSync(SCHEDULE, 'utf8');
  const { schedule, findings } = parseSchedule(text, 'bench/retention.yaml');
  if (schedule) return { text, schedule };
  throw new Error(`The schedule of the benchmark is wrong: ${JSON.stringify(findings)}`);
}

async function installGuardAndSchedule(retain: Retain): Promise<void> {
  const { text, schedule } = benchSchedule();
  await installStore(retain, schedule, STORE);
  await installSchedule(retain, {
    text,
    fileName: 'bench/retention.yaml',
    actor: 'bench',
    allowShorter: [],
  });
}

async function carryOut(
  retain: Retain,
  pool: StorePool,
  runs: Orchestration,
  run: string,
): Promise<void> {
  const { steps } = await runs.openRun({ run, store: STORE, actor: REQUESTER });
  for (const { step, lanes } of steps) {
    const numbers = Array.from({ length: lanes }, (_, index) => index + 1);
    await Promise.all(numbers.map((lane) => workLane(retain, pool, { run, step, lane })));
  }
  const { outcome } = await runs.closeRun({ run, store: STORE, stopped: false });
  if (outcome !== 'completed') throw new Error(`The run ended ${outcome}.`);
}

/** Slice after slice, as the workflow of a step would ask for them. */
async function workLane(retain: Retain, pool: StorePool, lane: LaneId): Promise<void> {
  const guard = postgresGuard(await pool.connection(STORE, 'retain_worker'));
  const deps = {
    ...{ guard, epochKeys: retain.epochKeys, ledgerKeys: retain.ledgerKeys },
    ...{ worker: 'bench', now: Date.now },
  };
  let result: SliceResult;
  do {
    result = await disposeSlice(
      deps,
      { ...lane, ...SLICE },
      { onBatch: () => undefined, cancelled: () => false },
    );
  } while (result.outcome === 'continue');
  if (result.outcome !== 'finished') throw new Error(`A lane ended ${result.outcome}.`);
}

async function placeHold(pool: StorePool, keys: readonly string[]): Promise<void> {
  const app = guardApp(await pool.connection(STORE, 'retain_app'));
  await app.openMatter('bench', 'Benchmark', 'bench');
  await app.placeHold({
    matter: 'bench',
    reason: 'litigation',
    because: 'Benchmark',
    placedBy: 'bench',
    reviewOn: '2030-01-01',
    keys: keys.map((keyText) => ({ recordClass: 'record', keyText })),
    subjects: [],
  });
}

async function forgetHolds(pool: StorePool): Promise<void> {
  const { sql } = await pool.connection(STORE, 'admin');
  await sql.unsafe(
    'truncate retain_guard.hold_key, retain_guard.hold_subject, retain_guard.hold_writer, retain_guard.hold',
  );
}
