/** A PostgreSQL of the benchmark's own, durable and set up as a small production server would be. */
import { rmSync } from 'node:fs';
import postgres, { type Sql } from 'postgres';
import { readEnv } from '../config/env.ts';
import { startStack, type Stack } from '../embedded/stack.ts';

/** Everything else is PostgreSQL's default: fsync, full_page_writes, synchronous_commit and autovacuum on. */
export const SETTINGS: Readonly<Record<string, string>> = {
  shared_buffers: '1GB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  maintenance_work_mem: '256MB',
  work_mem: '32MB',
};

const DIR = '.retain/bench';
const DATABASE = 'bench';

export interface BenchServer {
  /** Superuser URL of the benchmark's database. */
  readonly url: string;
  readonly sql: Sql;
  readonly temporal: { readonly address: string; readonly namespace: string } | undefined;
  readonly dir: string;
  stop(): Promise<void>;
}

/** Starts PostgreSQL, and Temporal when asked, with empty folders; `stop` removes what they kept. */
export async function startServer(withTemporal: boolean, onProgress: (line: string) => void): Promise<BenchServer> {
  rmSync(DIR, { recursive: true, force: true });
  const env = { ...readEnv(), databaseUrl: undefined };
  const stack = await startStack({ env, dir: DIR, settings: SETTINGS, temporal: withTemporal, onProgress });
  try {
    return await prepare(stack);
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

async function prepare(stack: Stack): Promise<BenchServer> {
  const admin = postgres(stack.databaseUrl, { max: 1, onnotice: () => undefined });
  await admin.unsafe(`create database ${DATABASE}`);
  await admin.end();
  const url = stack.postgres?.adminUrl(DATABASE) ?? stack.databaseUrl;
  // One connection: what is timed in the raw baseline is one session, as a script would be.
  const sql = postgres(url, { max: 1, idle_timeout: 0, onnotice: () => undefined });
  await sql.unsafe(`
    create schema bench;
    create table bench.audit (
      record_id    bigint      primary key,
      record_class text        not null,
      rule         text        not null,
      run_id       uuid        not null,
      destroyed_at timestamptz not null
    )`);
  return {
    url,
    sql,
    dir: DIR,
    temporal: stack.temporal,
    async stop() {
      await sql.end({ timeout: 5 });
      await (stack.postgres?.remove() ?? stack.stop());
      await stack.temporalServer?.stop();
      rmSync(DIR, { recursive: true, force: true });
    },
  };
}
