/** Everything Retain needs, looked at one by one. Changes nothing. */
import { stat } from 'node:fs/promises';
import type { Env } from '../config/env.ts';
import { RetentionError } from '../domain/errors.ts';
import type { RetentionSchedule, StoreDefinition } from '../domain/schedule.ts';
import { storeClock } from '../stores/postgres/connection.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import type { LedgerKeeping } from '../workflows/messages.ts';
import { MINUTE_S, spanOf } from './ages.ts';
import { type Checked, type Looking, looked, wrong } from './checked.ts';
import { scheduleInForce, withStore } from './context.ts';
import { keeperChecks } from './ledger/examine-keeper.ts';
import { examineLedger } from './ledger/examine-ledger.ts';
import { type OpenRetain, openRetain, storesOf } from './open-retain.ts';
import { checkStore } from './store-admin.ts';

export interface ExamineOptions {
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** For so long in all what is under way is waited for, such as the publication of a head just signed. */
  readonly patienceMs?: number;
}

/** Others than the owner can reach what has any of these bits. */
const OTHERS = 0o077;
const PATIENCE_MS = 5_000;

/** All checks; one that fails keeps none of the others from being made. */
export async function examine(
  env: Env,
  askTemporal: () => Promise<LedgerKeeping | undefined>,
  { now = Date.now, patienceMs = PATIENCE_MS }: ExamineOptions = {},
): Promise<Checked[]> {
  const checks: Checked[] = [];
  const looking = { now, patientUntil: performance.now() + patienceMs };
  const schedule = await examineControl(env, looking, checks);
  for (const store of Object.values(schedule?.stores ?? {})) {
    if (schedule) await examineStore(env, schedule, store, looking, checks);
  }
  try {
    checks.push(...keeperChecks(await askTemporal()));
  } catch (error) {
    checks.push(wrong('Temporal', error));
  }
  checks.push(await looked({ what: 'epoch keys', look: () => keyFolder(env) }));
  return checks;
}

async function examineControl(
  env: Env,
  looking: Looking,
  checks: Checked[],
): Promise<RetentionSchedule | undefined> {
  const what = 'control database';
  let retain: OpenRetain;
  try {
    retain = await openRetain(env, { migrate: false });
  } catch (error) {
    checks.push(wrong(what, error));
    return undefined;
  }
  try {
    let schedule: RetentionSchedule | undefined;
    const look = async (): Promise<string> => {
      const inForce = await scheduleInForce(retain);
      schedule = inForce.schedule;
      return `answers; schedule version ${inForce.version} is in force`;
    };
    checks.push(await looked({ what, look }));
    // A database that was restored may have lost its schedule too.
    checks.push(...(await examineLedger(retain, env, looking)));
    return schedule;
  } finally {
    await retain.end();
  }
}

async function examineStore(
  env: Env,
  schedule: RetentionSchedule,
  store: StoreDefinition,
  { now }: Looking,
  checks: Checked[],
): Promise<void> {
  const what = `store ${store.id}`;
  let isGuarded = false;
  const look = async (): Promise<string> => {
    const found = await checkStore(storesOf(env), schedule, store.id);
    for (const { severity, code, message } of found) {
      checks.push({ what: `${what}: guard`, state: severity, code, message });
    }
    isGuarded = found.every(({ code }) => code !== 'GUARD_MISSING');
    return found.length === 0 ? 'answers; guard and rights are as they must be' : 'answers';
  };
  checks.push(await looked({ what, look }));
  if (!isGuarded) return;
  checks.push(
    await looked({ what: `${what}: clock`, look: () => clockWords(env, store, now) }),
    await looked({ what: `${what}: sealing`, look: () => sealingWords(env, store) }),
  );
}

async function clockWords(env: Env, store: StoreDefinition, now: () => number): Promise<string> {
  const clock = await withStore(storesOf(env), store, 'retain_app', storeClock);
  const ahead = (Date.parse(clock) - now()) / 1_000;
  if (Math.abs(ahead) <= MINUTE_S) return "within a minute of this machine's";
  throw new RetentionError(
    'CLOCK_SKEW',
    `The store's clock is ${spanOf(Math.abs(ahead))} ${ahead > 0 ? 'ahead of' : 'behind'} this machine's. Set the clock that is wrong: no worker destroys anything by such a one.`,
  );
}

function sealingWords(env: Env, store: StoreDefinition): Promise<string> {
  return withStore(storesOf(env), store, 'retain_app', async ({ sql }) => {
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
    // A lane stops when a batch is unsealed for longer than this.
    if (seconds <= MINUTE_S) return words;
    throw new RetentionError('UNSEALED_BACKLOG', `${words}. Is a worker running?`, { unsealed });
  });
}

async function keyFolder({ keyDir }: Env): Promise<string | Omit<Checked, 'what'>> {
  const missing = { state: 'warning', code: 'EPOCH_KEY_MISSING' } as const;
  if (keyDir === undefined) {
    const message = 'RETAIN_KEY_DIR is not set: a worker and log lookups need it';
    return { ...missing, message };
  }
  const stats = await stat(keyDir).catch(() => undefined);
  if (stats === undefined) {
    return { ...missing, message: `${keyDir} is not there yet; retain keys init makes it` };
  }
  if (!stats.isDirectory()) {
    throw new RetentionError('EPOCH_KEY_INVALID', `${keyDir} is not a folder`);
  }
  if ((stats.mode & OTHERS) === 0) return `${keyDir} is for its owner only`;
  throw new RetentionError(
    'EPOCH_KEY_EXPOSED',
    `${keyDir} can be reached by others. If nobody has, run: chmod 700 '${keyDir}'`,
  );
}
