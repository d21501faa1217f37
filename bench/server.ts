/** A PostgreSQL of the benchmark's own, durable and set up as a small production server would be. */
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import postgres, { type Sql } from 'postgres';
import { readEnv } from '../config/env.ts';
import { type Stack, startStack } from '../embedded/stack.ts';

/** Everything else is PostgreSQL's default: fsync, full_page_writes, synchronous_commit and autovacuum on. */
export const SETTINGS: Readonly<Record<string, string>> = {
  shared_buffers: '1GB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  maintenance_work_mem: '256MB',
  work_mem: '32MB',
};

const DATABASE = 'bench';

export interface BenchServer {
  /** Superuser URL of the benchmark's database. */
  readonly url: string;
  readonly sql: Sql;
  readonly temporal: { readonly address: string; readonly namespace: string } | undefined;
  readonly dir: string;
  stop(): Promise<void>;
}

/** Starts PostgreSQL and Temporal with empty folders; `stop` removes what they kept. */
export async function startServer(onProgress: (line: string) => void): Promise<BenchServer> {
  const dir = resolve('.retain/bench');
  rmSync(dir, { recursive: true, force: true });
  const env = { ...readEnv(), databaseUrl: undefined };
  const stack = await startStack({ env, dir, settings: SETTINGS, onProgress });
  try {
    return await prepare(stack, dir);
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

async function prepare(stack: Stack, dir: string): Promise<BenchServer> {
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
    dir,
    temporal: stack.temporal,
    async stop() {
      await sql.end({ timeout: 5 });
      await (stack.postgres?.remove() ?? stack.stop());
      await stack.temporalServer?.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
