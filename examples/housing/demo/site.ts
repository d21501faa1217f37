/** The place where the demonstration happens: servers, a database of Harbour Homes, a worker. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import postgres, { type Sql } from 'postgres';
import { readEnv } from '../../../config/env.ts';
import { createDatabaseOnce, dropDatabase } from '../../../embedded/create-database.ts';
import type { ManagedProcess } from '../../../embedded/managed-process.ts';
import { FAST_SETTINGS } from '../../../embedded/postgres.ts';
import { startRetainWorker } from '../../../embedded/retain-process.ts';
import { keptFolder, removeFolder, scratchFolder } from '../../../embedded/scratch-folder.ts';
import { type Stack, startStack } from '../../../embedded/stack.ts';
import type { Bystander } from '../bystander-check.ts';
import { plantBystanders } from '../bystanders.ts';
import { createHousingTables, generateHousing } from '../generator.ts';
import type { DemoOptions } from './options.ts';
import { retainIn } from './retain.ts';
import { count, heading, say } from './say.ts';

export interface Site {
  readonly stack: Stack;
  readonly folder: string;
  readonly database: string;
  /** What a person would export. */
  readonly settings: Readonly<Record<string, string>>;
  readonly worker: ManagedProcess;
  /** The owner of the records, looking on: nothing of Retain is between. */
  readonly sql: Sql;
  readonly planted: readonly Bystander[];
}

const SEED = 20_261_121;

/** Durable when it is to stay, otherwise six times as quick to fill. */
function serverSettings({ keep }: DemoOptions): Readonly<Record<string, string>> {
  return { ...(keep ? {} : FAST_SETTINGS), max_wal_size: '4GB', shared_buffers: '256MB' };
}

/** Opens the site, or leaves nothing behind. Prints each step. */
export async function openSite(options: DemoOptions): Promise<Site> {
  heading('A place to work');
  const env = readEnv();
  const folder = options.keep ? keptFolder() : scratchFolder('demo');
  say('Starting PostgreSQL and Temporal.');
  const settings = serverSettings(options);
  const stack = await startStack({ env, dir: folder, onProgress: say, settings });
  try {
    return await furnish(stack, folder, options);
  } catch (error) {
    await stack.stop();
    removeFolder(folder);
    throw error;
  }
}

async function furnish(stack: Stack, folder: string, options: DemoOptions): Promise<Site> {
  const database = `harbour_homes_${randomBytes(3).toString('hex')}`;
  const url = await createDatabaseOnce(stack.databaseUrl, database);
  say(`Database ${database} on ${new URL(url).host}, Temporal on ${stack.temporal?.address}.`);
  const settings = {
    DATABASE_URL: url,
    HOUSING_DATABASE_URL: url,
    TEMPORAL_ADDRESS: stack.temporal?.address ?? '',
    TEMPORAL_NAMESPACE: stack.temporal?.namespace ?? '',
    RETAIN_KEY_DIR: join(folder, 'keys'),
    RETAIN_LEDGER_DIR: join(folder, 'ledger'),
    // Every demonstration is another log of the same name: what is kept of one must not meet the next.
    XDG_STATE_HOME: join(folder, 'state'),
  };
  const retain = retainIn(settings);
  await retain(['db', 'migrate']);
  await retain(['keys', 'init', '--origin', 'harbour-homes.example/disposals']);
  say('\n$ retain worker &');
  let serving = false;
  const starting = startRetainWorker(settings, join(folder, 'worker.log')).finally(() => {
    serving = true;
  });
  const sql = postgres(url, { max: 4, onnotice: () => undefined });
  const filling = fill(sql, options.records).finally(() => {
    if (!serving) say('Waiting for the worker: the first one of a clone bundles its workflows.');
  });
  const [started, filled] = await Promise.allSettled([starting, filling]);
  if (started.status === 'fulfilled' && filled.status === 'fulfilled') {
    const [worker, planted] = [started.value, filled.value];
    return { stack, folder, database, settings, worker, sql, planted };
  }
  if (started.status === 'fulfilled') await started.value.stop();
  await sql.end({ timeout: 5 });
  await dropDatabase(stack.databaseUrl, database);
  throw filled.status === 'rejected' ? filled.reason : Reflect.get(started, 'reason');
}

async function fill(sql: Sql, records: number): Promise<Bystander[]> {
  const asOf = new Date();
  await createHousingTables(sql);
  say(`Inventing ${count(records)} records of Harbour Homes, a housing association:`);
  await generateHousing(sql, { records, seed: SEED, asOf, onStep: stepDone });
  const planted = await plantBystanders(sql, asOf);
  const surviving = planted.filter(({ expect }) => expect === 'survives').length;
  say(
    `Planting ${planted.length} records on both sides of every edge of the schedule: ` +
      `${surviving} of them must survive.`,
  );
  await sql`analyze`;
  return planted;
}

/** One line that grows. */
function stepDone(step: string, done: number, total: number): void {
  const name = step.replace(/^fill /, '');
  process.stdout.write(`${done === 1 ? '  ' : ', '}${name}${done === total ? '\n' : ''}`);
}

/** Stops everything and removes what was made, in a database server of the user's as well. */
export async function closeSite(site: Site): Promise<void> {
  const { stack, worker, sql, folder, database } = site;
  await worker.stop();
  await sql.end({ timeout: 5 });
  if (stack.postgres === undefined) await dropDatabase(stack.databaseUrl, database);
  await stack.stop();
  removeFolder(folder);
}

/** Lets everything run on, and says how to use it and how to stop it. */
export async function keepSite(site: Site): Promise<void> {
  const { stack, worker, settings, sql, folder } = site;
  await sql.end({ timeout: 5 });
  worker.release();
  stack.release();
  const pids = [worker.pid, stack.temporalServer?.pid, stack.postgres?.pid];
  say('  # everything is still running; in any terminal:');
  for (const [name, value] of Object.entries(settings)) say(`  export ${name}='${value}'`);
  say(`  # to stop it:  kill -INT ${pids.filter((pid) => pid !== undefined).join(' ')}`);
  say(`  # and then:    rm -r ${folder}`);
}
