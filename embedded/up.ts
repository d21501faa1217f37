/**
 * `npm run up [-- NAME …]`: PostgreSQL, Temporal and a worker for databases of one's own, until Ctrl-C.
 * State is kept under `.retain/up`. Every NAME is a variable that the schedule reads (`connection:
 * env:NAME`); it gets a database of its own, unless it is set already.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Env, readEnv, storeUrl } from '../config/env.ts';
import { RetentionError } from '../domain/errors.ts';
import { createDatabaseOnce } from './create-database.ts';
import type { ManagedProcess } from './managed-process.ts';
import { retainCommand, retainEnvironment, startRetainWorker } from './retain-process.ts';
import { type Stack, startStack } from './stack.ts';

const FOLDER = fileURLToPath(new URL('../.retain/up', import.meta.url));
const CONTROL_DATABASE = 'retain';
const WORKER_LOOK_MS = 1_000;
/** Of a ledger for trying things out. */
const ORIGIN = 'retain.localhost/up';

process.exitCode = await up(process.argv.slice(2)).catch((error: unknown) => {
  const known = error instanceof RetentionError;
  say(known ? `error  ${error.code}  ${error.message}` : `error  ${String(error)}`);
  return 1;
});

async function up(names: readonly string[]): Promise<number> {
  const env = readEnv();
  const wrong = names.find((name) => !/^[A-Z_][A-Z0-9_]*$/.test(name));
  if (wrong !== undefined) {
    throw new RetentionError('USAGE', 'Name environment variables, such as SHOP_DATABASE_URL.');
  }
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  say('Starting PostgreSQL and Temporal.');
  const stack = await startStack({ env, dir: FOLDER, onProgress: say });
  try {
    const settings = await makeSettings(env, stack, names);
    await prepare(settings);
    say('Starting a worker.');
    const worker = await startRetainWorker(settings, join(FOLDER, 'worker.log'));
    try {
      const end = theEnd(worker);
      explain(settings, names);
      if ((await end) === 'worker ended') {
        throw new Error('the worker ended by itself; .retain/up/worker.log says why');
      }
      say('\nStopping. The data stays in .retain/up.');
    } finally {
      await worker.stop();
    }
  } finally {
    await stack.stop();
  }
  return 0;
}

/** The environment of the worker and of whoever types `retain` beside it. */
async function makeSettings(
  env: Env,
  stack: Stack,
  names: readonly string[],
): Promise<Record<string, string>> {
  const settings: Record<string, string> = {
    DATABASE_URL: stack.postgres
      ? await createDatabaseOnce(stack.databaseUrl, CONTROL_DATABASE)
      : stack.databaseUrl,
    TEMPORAL_ADDRESS: stack.temporal?.address ?? '',
    TEMPORAL_NAMESPACE: stack.temporal?.namespace ?? '',
    RETAIN_KEY_DIR: env.keyDir ?? join(FOLDER, 'keys'),
    RETAIN_LEDGER_DIR: env.ledgerDir ?? join(FOLDER, 'ledger'),
  };
  for (const name of names) {
    if (env.variable(name) !== undefined) settings[name] = storeUrl(env, name);
    else settings[name] ??= await createDatabaseOnce(stack.databaseUrl, databaseName(name));
  }
  return settings;
}

/** Brings the control database up to date and begins its ledger; both leave alone what is there. */
async function prepare(settings: Readonly<Record<string, string>>): Promise<void> {
  await retain(settings, ['db', 'migrate']);
  await retain(settings, ['keys', 'init', '--origin', ORIGIN]);
}

async function retain(
  settings: Readonly<Record<string, string>>,
  typed: readonly string[],
): Promise<void> {
  const { command, args, cwd } = retainCommand(typed);
  const env = retainEnvironment(settings);
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] });
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`retain ${typed.join(' ')} did not succeed`);
}

/** `SHOP_DATABASE_URL` → `shop`. */
function databaseName(variable: string): string {
  return variable.toLowerCase().replace(/_(database_)?url$/, '');
}

function explain(settings: Readonly<Record<string, string>>, names: readonly string[]): void {
  const exports = Object.entries(settings).map(([name, value]) => `  export ${name}='${value}'`);
  const own = names[0] ?? 'DATABASE_URL';
  say(`
Running: PostgreSQL, Temporal and a worker. In another terminal:

${exports.join('\n')}

Your own tables go into the database of ${own}:
  psql "$${own}" < dump.sql
A schedule names it by  connection: env:${own}  and then, step by step:
  npx retain schedule validate retention.yaml
  npx retain store install --file retention.yaml
  npx retain schedule install retention.yaml --as amira
  npx retain run plan --as amira
A database in another variable: stop, then  npm run up -- SHOP_DATABASE_URL
The worker's log is .retain/up/worker.log. Ctrl-C stops everything; the data stays.`);
}

/** Resolves with a signal, or when the worker has ended by itself. Keeps this process alive until then. */
function theEnd(worker: ManagedProcess): Promise<'asked' | 'worker ended'> {
  return new Promise((resolve) => {
    const watch = setInterval(() => {
      if (!worker.running()) end('worker ended');
    }, WORKER_LOOK_MS);
    const end = (why: 'asked' | 'worker ended'): void => {
      clearInterval(watch);
      resolve(why);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => end('asked'));
    }
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
