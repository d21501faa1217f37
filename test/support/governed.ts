/** A governed database with the guard installed, and the whole way from plan to closed run without Temporal. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres, { type Sql } from 'postgres';
import { epochKeysKeptFor, type Retain } from '../../app/context.ts';
import { disposeSlice } from '../../app/dispose-slice.ts';
import { fileEpochKeys } from '../../app/epoch-keys.ts';
import { beginLedger } from '../../app/ledger/begin.ts';
import { fileSigner } from '../../app/ledger/signer.ts';
import { createLedgerKeys, fileLedgerKeys } from '../../app/ledger-keys.ts';
import { orchestration } from '../../app/orchestrate.ts';
import { type PlanRequest, planRun } from '../../app/plan-run.ts';
import { installSchedule } from '../../app/schedules.ts';
import { installStore } from '../../app/store-admin.ts';
import { storePool } from '../../app/store-pool.ts';
import { parseSchedule } from '../../config/schedule-file.ts';
import { openControlDb } from '../../db/client.ts';
import type { SliceResult } from '../../domain/disposal.ts';
import type { Plan } from '../../domain/plan.ts';
import type { SigningKey } from '../../ledger/ed25519.ts';
import { postgresGuard } from '../../stores/postgres/guard-worker.ts';
import type { DisposalGuard } from '../../stores/store.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { letLedgerFollow } from './ledger-follows.ts';

/** The name of every test's log. */
export const ORIGIN = 'log.example.org/test';

export interface Governed {
  readonly url: string;
  /** Superuser: for planting, looking and tampering. */
  readonly sql: Sql;
  readonly retain: Retain;
  readonly store: string;
  readonly keyDir: string;
  /** The worker's key of `keyDir`. */
  readonly signingKey: SigningKey;
  /** The worker's port, on a connection with the worker's role. */
  readonly guard: DisposalGuard;
  plan(request?: Partial<PlanRequest>): Promise<Plan>;
  approve(plan: Plan, by?: string): Promise<void>;
  open(plan: Plan): Promise<void>;
  /** Approves, opens, works every lane to its end. */
  carryOut(plan: Plan): Promise<SliceResult[]>;
  workLane(plan: Plan, step: number, lane: number): Promise<SliceResult>;
  close(plan: Plan): Promise<{ outcome: string; destroyed: number; withheld: number }>;
  end(): Promise<void>;
}

export interface GovernedOptions {
  /** Runs as superuser in the new database. */
  readonly setup: (sql: Sql) => Promise<unknown>;
  readonly schedule: string;
  /** Where to build it; a fresh database of the tests' server when missing. */
  readonly database?: TestDatabase;
  /**
   * `follows`, the default: batches count as integrated at once, as if the ledger never lagged. `waits`: they
   * wait for a sequencer that the test runs itself, or stop all disposal after a minute.
   */
  readonly ledger?: 'follows' | 'waits';
  /** In which quarter epoch keys are made, RFC 3339 UTC; the machine's clock when missing. */
  readonly epochClock?: () => string;
}

export async function governedDatabase(options: GovernedOptions): Promise<Governed> {
  const { setup, schedule: text } = options;
  const database = options.database ?? (await createDatabase());
  const sql = postgres(database.url, { max: 4, onnotice: () => undefined });
  await setup(sql);
  const keyDir = await mkdtemp(join(tmpdir(), 'retain-keys-'));
  const control = await openControlDb(database.url, { migrate: true });
  const ledgerKeys = fileLedgerKeys(keyDir);
  const retain: Retain = {
    control,
    urlOf: () => database.url,
    epochKeys: fileEpochKeys(keyDir, options.epochClock ?? (() => new Date().toISOString()), {
      keptFor: (recordClass) => epochKeysKeptFor({ control }, recordClass),
    }),
    ledgerKeys,
    ledgerSigner: fileSigner(keyDir, ledgerKeys),
  };
  await createLedgerKeys(keyDir);
  await beginLedger(retain, ORIGIN);
  const signingKey = await retain.ledgerKeys.worker();
  const { schedule, findings } = parseSchedule(text, 'test.yaml');
  if (!schedule) throw new Error(`the test's schedule is wrong: ${JSON.stringify(findings)}`);
  const store = Object.keys(schedule.stores)[0] ?? '';
  await installStore(retain, schedule, store);
  if (options.ledger !== 'waits') await letLedgerFollow(sql);
  await installSchedule(retain, {
    text,
    fileName: 'test.yaml',
    actor: 'installer',
    allowShorter: [],
  });
  const pool = storePool(retain, 4);
  const runs = orchestration(retain, pool);
  const worker = await pool.connection(store, 'retain_worker');
  const guard = postgresGuard(worker);

  const approve = (plan: Plan, by = 'benedict') =>
    runs.recordDecision({
      run: plan.document.run,
      store,
      digest: plan.digest,
      decision: 'approve',
      actor: by,
    });
  const open = (plan: Plan) => runs.openRun({ run: plan.document.run, store, actor: 'amira' });
  const workLane = (plan: Plan, step: number, lane: number) =>
    disposeSlice(
      { guard, epochKeys: retain.epochKeys, ledgerKeys, worker: 'test-worker', now: Date.now },
      {
        run: plan.document.run,
        step,
        lane,
        sliceRecords: Number.MAX_SAFE_INTEGER,
        sliceMs: Number.MAX_SAFE_INTEGER,
      },
      { onBatch: () => undefined, cancelled: () => false },
    );
  return {
    url: database.url,
    sql,
    retain,
    store,
    keyDir,
    signingKey,
    guard,
    plan: (request = {}) => planRun(retain, { actor: 'amira', ...request }),
    approve: async (plan, by) => void (await approve(plan, by)),
    open: async (plan) => void (await open(plan)),
    workLane,
    carryOut: async (plan) => {
      await approve(plan);
      const { steps } = await open(plan);
      const results: SliceResult[] = [];
      for (const { step, lanes } of steps) {
        const worked = Array.from({ length: lanes }, (_, index) => workLane(plan, step, index + 1));
        results.push(...(await Promise.all(worked)));
      }
      return results;
    },
    close: (plan) => runs.closeRun({ run: plan.document.run, store, stopped: false }),
    end: async () => {
      await pool.end();
      await control.end();
      await sql.end({ timeout: 5 });
      await database.drop();
      await rm(keyDir, { recursive: true, force: true });
    },
  };
}
