/** Everything Retain needs, looked at one by one. Changes nothing. */
import { stat } from 'node:fs/promises';
import type { Env } from '../config/env.ts';
import { isErrorCode, RetentionError } from '../domain/errors.ts';
import type { RetentionSchedule, StoreDefinition } from '../domain/schedule.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import type { LedgerKeeping } from '../workflows/messages.ts';
import { scheduleInForce, withStore } from './context.ts';
import { ledgerChecks } from './ledger/examine-ledger.ts';
import { openRetain, storesOf } from './open-retain.ts';
import { checkStore } from './store-admin.ts';

export interface Checked {
  /** `control database`, `store housing: guard` … */
  readonly what: string;
  readonly state: 'ok' | 'warning' | 'error';
  /** A code of ours where there is one. */
  readonly code?: string;
  readonly message: string;
}

/** Others than the owner can reach what has any of these bits. */
const OTHERS = 0o077;
/** A lane stops when a batch is unsealed for longer than this. */
const UNSEALED_TOO_LONG_S = 60;

/** All checks; one that fails keeps none of the others from being made. */
export async function examine(
  env: Env,
  askTemporal: () => Promise<LedgerKeeping | undefined>,
): Promise<Checked[]> {
  const checks: Checked[] = [];
  const schedule = await examineControl(env, checks);
  for (const store of Object.values(schedule?.stores ?? {})) {
    if (schedule) await examineStore(env, schedule, store, checks);
  }
  await attempt(checks, 'Temporal', async () => keeperWords(await askTemporal()));
  checks.push(await keyFolder(env));
  return checks;
}

async function examineControl(env: Env, checks: Checked[]): Promise<RetentionSchedule | undefined> {
  let schedule: RetentionSchedule | undefined;
  await attempt(checks, 'control database', async () => {
    const retain = await openRetain(env, { migrate: false });
    try {
      const inForce = await scheduleInForce(retain);
      schedule = inForce.schedule;
      for (const { what, look } of ledgerChecks(retain, env, Date.now()))
        await attempt(checks, what, look);
      return `answers; schedule version ${inForce.version} is in force`;
    } finally {
      await retain.end();
    }
  });
  return schedule;
}

async function examineStore(
  env: Env,
  schedule: RetentionSchedule,
  store: StoreDefinition,
  checks: Checked[],
): Promise<void> {
  const what = `store ${store.id}`;
  const reached = await attempt(checks, what, async () => {
    const found = await checkStore(storesOf(env), schedule, store.id);
    for (const { severity, code, message } of found) {
      checks.push({ what: `${what}: guard`, state: severity, code, message });
    }
    return found.length === 0 ? 'answers; guard and rights are as they must be' : 'answers';
  });
  if (!reached) return;
  await attempt(checks, `${what}: sealing`, () =>
    withStore(storesOf(env), store, 'retain_app', async ({ sql }) => {
      const [row] = await asStore(
        store.id,
        () => sql<{ unsealed: number; seconds: number }[]>`
        select count(*)::integer as unsealed,
               coalesce(extract(epoch from clock_timestamp() - min(executed_at)), 0)::float8 as seconds
          from retain_guard.batch_staged`,
      );
      const { unsealed = 0, seconds = 0 } = row ?? {};
      if (unsealed === 0) return 'every batch is sealed';
      const words = `${unsealed} not sealed, the oldest for ${Math.round(seconds)} s`;
      if (seconds <= UNSEALED_TOO_LONG_S) return words;
      throw new RetentionError('UNSEALED_BACKLOG', `${words}. Is a worker running?`, { unsealed });
    }),
  );
}

/** What the keeper of the ledger has to say: the log of a worker that nobody reads is no alarm. */
function keeperWords(keeping: LedgerKeeping | undefined): string {
  const { size = 0, stoppedBy, troubled = [] } = keeping ?? {};
  const code = stoppedBy ?? troubled[0]?.code;
  if (code === undefined) {
    return keeping ? `answers; the ledger is kept, ${size} entries` : 'answers; no worker yet';
  }
  const stores = troubled.map((one) => `${one.store} (${one.code})`).join(', ');
  throw new RetentionError(
    isErrorCode(code) ? code : 'INVARIANT_BROKEN',
    stoppedBy === undefined
      ? `The ledger cannot follow: ${stores}. Their disposal stops within a minute.`
      : `The ledger cannot go on: ${stoppedBy}. Disposal stops within a minute.`,
  );
}

async function keyFolder({ keyDir }: Env): Promise<Checked> {
  const what = 'epoch keys';
  if (keyDir === undefined) {
    return {
      what,
      state: 'warning',
      code: 'EPOCH_KEY_MISSING',
      message: 'RETAIN_KEY_DIR is not set: a worker and log lookups need it',
    };
  }
  const stats = await stat(keyDir).catch(() => undefined);
  if (stats === undefined) {
    return {
      what,
      state: 'warning',
      code: 'EPOCH_KEY_MISSING',
      message: `${keyDir} is not there yet; the first batch makes it`,
    };
  }
  if (!stats.isDirectory()) {
    return {
      what,
      state: 'error',
      code: 'EPOCH_KEY_INVALID',
      message: `${keyDir} is not a folder`,
    };
  }
  return (stats.mode & OTHERS) === 0
    ? { what, state: 'ok', message: `${keyDir} is for its owner only` }
    : {
        what,
        state: 'error',
        code: 'EPOCH_KEY_EXPOSED',
        message: `${keyDir} can be reached by others. If nobody has, run: chmod 700 '${keyDir}'`,
      };
}

/** Notes what `work` says, or what it fails with; answers whether it succeeded. */
async function attempt(
  checks: Checked[],
  what: string,
  work: () => Promise<string>,
): Promise<boolean> {
  try {
    checks.push({ what, state: 'ok', message: await work() });
    return true;
  } catch (error) {
    if (!(error instanceof RetentionError)) throw error;
    checks.push({ what, state: 'error', code: error.code, message: error.message });
    return false;
  }
}
