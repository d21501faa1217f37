/** The benchmark's database under the guard, and the ways to carry a plan out that are compared. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Retain } from '../app/context.ts';
import { disposeSlice } from '../app/dispose-slice.ts';
import { fileEpochKeys } from '../app/epoch-keys.ts';
import { type Orchestration, orchestration } from '../app/orchestrate.ts';
import { planRun } from '../app/plan-run.ts';
import { installSchedule } from '../app/schedules.ts';
import { installStore } from '../app/store-admin.ts';
import { type StorePool, storePool } from '../app/store-pool.ts';
import { parseSchedule } from '../config/schedule-file.ts';
import { openControlDb } from '../db/client.ts';
import type { SliceResult } from '../domain/disposal.ts';
import type { Plan } from '../domain/plan.ts';
import { guardApp } from '../stores/postgres/guard-app.ts';
import { postgresGuard } from '../stores/postgres/guard-worker.ts';
import { heldKeys } from './data.ts';
import type { BenchServer } from './server.ts';

export const STORE = 'bench';
const SCHEDULE = new URL('./retention.yaml', import.meta.url);
/** As the workflows ask for. */
const SLICE = { sliceRecords: 100_000, sliceMs: 60_000 };

export interface Governed {
  readonly retain: Retain;
  readonly pool: StorePool;
  readonly runs: Orchestration;
  /** Plans and has the plan approved by another person. */
  approvedPlan(rule: string, lanes: number): Promise<Plan>;
  /** Opens, works every lane to its end in this process, closes. Without Temporal. */
  carryOut(plan: Plan): Promise<void>;
  placeHolds(of: number, count: number): Promise<void>;
  /** Takes the holds away without a trace, which only the owner of the server can do. */
  forgetHolds(): Promise<void>;
  end(): Promise<void>;
}

/** Connects to a database in which the guard is installed; installs it when `install` says so. */
export async function governed(server: Pick<BenchServer, 'url' | 'dir'>, install: boolean): Promise<Governed> {
  const control = await openControlDb(server.url, { migrate: install });
  const retain: Retain = {
    control,
    urlOf: () => server.url,
    epochKeys: fileEpochKeys(join(server.dir, 'keys'), () => new Date().toISOString()),
  };
  if (install) await installGuardAndSchedule(retain);
  const pool = storePool(retain, 4);
  const runs = orchestration(retain, pool);
  return {
    retain,
    pool,
    runs,
    approvedPlan: (rule, lanes) => approvedPlan(retain, runs, rule, lanes),
    carryOut: (plan) => carryOut(retain, pool, runs, plan),
    placeHolds: (of, count) => placeHolds(pool, of, count),
    forgetHolds: () => forgetHolds(pool),
    async end() {
      await pool.end();
      await control.end();
    },
  };
}

async function installGuardAndSchedule(retain: Retain): Promise<void> {
  const text = readFileSync(SCHEDULE, 'utf8');
  const { schedule, findings } = parseSchedule(text, 'bench/retention.yaml');
  if (!schedule) throw new Error(`The schedule of the benchmark is wrong: ${JSON.stringify(findings)}`);
  await installStore(retain, schedule, STORE);
  await installSchedule(retain, { text, fileName: 'bench/retention.yaml', actor: 'bench', allowShorter: [] });
}

async function approvedPlan(retain: Retain, runs: Orchestration, rule: string, lanes: number): Promise<Plan> {
  const plan = await planRun(retain, { actor: 'amira', lanes, rules: [rule] });
  await runs.recordDecision({ run: plan.document.run, store: STORE, digest: plan.digest, decision: 'approve', actor: 'benedict' });
  return plan;
}

async function carryOut(retain: Retain, pool: StorePool, runs: Orchestration, plan: Plan): Promise<void> {
  const run = plan.document.run;
  const { steps } = await runs.openRun({ run, store: STORE, actor: 'amira' });
  for (const { step, lanes } of steps) {
    await Promise.all(Array.from({ length: lanes }, (_, index) => workLane(retain, pool, run, step, index + 1)));
  }
  const { outcome } = await runs.closeRun({ run, store: STORE, stopped: false });
  if (outcome !== 'completed') throw new Error(`The run ended ${outcome}.`);
}

/** Slice after slice, as the workflow of a step would ask for them. */
async function workLane(retain: Retain, pool: StorePool, run: string, step: number, lane: number): Promise<void> {
  const guard = postgresGuard(await pool.connection(STORE, 'retain_worker'));
  const deps = { guard, epochKeys: retain.epochKeys, worker: 'bench', now: Date.now };
  let result: SliceResult;
  do {
    result = await disposeSlice(deps, { run, step, lane, ...SLICE }, { onBatch: () => undefined, cancelled: () => false });
  } while (result.outcome === 'continue');
  if (result.outcome !== 'finished') throw new Error(`A lane ended ${result.outcome}.`);
}

async function placeHolds(pool: StorePool, of: number, count: number): Promise<void> {
  const app = guardApp(await pool.connection(STORE, 'retain_app'));
  await app.openMatter('bench', 'Benchmark', 'bench');
  await app.placeHold({
    matter: 'bench',
    reason: 'litigation',
    because: 'Benchmark',
    placedBy: 'bench',
    reviewOn: '2030-01-01',
    keys: heldKeys(of, count).map((keyText) => ({ recordClass: 'record', keyText })),
    subjects: [],
  });
  const { sql } = await pool.connection(STORE, 'admin');
  await sql.unsafe('vacuum (analyze) retain_guard.hold_key');
}

async function forgetHolds(pool: StorePool): Promise<void> {
  const { sql } = await pool.connection(STORE, 'admin');
  await sql.unsafe('truncate retain_guard.hold_key, retain_guard.hold_subject, retain_guard.hold');
}
