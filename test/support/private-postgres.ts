/** A durable PostgreSQL of one campaign's own, which may be killed and comes back with its data. */
import { rmSync } from 'node:fs';
import postgres from 'postgres';
import { isErrno } from '../../app/ledger/durable-files.ts';
import { startPostgres } from '../../embedded/postgres.ts';
import type { TestDatabase } from './database.ts';
import { runFolder } from './run-folder.ts';
import { waitFor } from './wait.ts';

export interface PrivatePostgres {
  readonly database: TestDatabase;
  /** SIGKILL for the postmaster and every process of it; resolves when the server answers again. */
  kill(): Promise<void>;
  end(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;

export async function privatePostgres(purpose: string): Promise<PrivatePostgres> {
  const dataDir = runFolder(purpose);
  let server = await startPostgres({ dataDir });
  const { port, url } = server;
  return {
    database: { name: 'postgres', url, drop: () => Promise.resolve() },
    async kill() {
      const children = await processesOf(url);
      await server.kill('SIGKILL');
      children.forEach(killIfThere);
      // Until the last of them is gone the server keeps its shared memory.
      server = await waitFor(() => startPostgres({ dataDir, port }), {
        what: 'PostgreSQL to start again',
        timeoutMs: START_TIMEOUT_MS,
      });
    },
    async end() {
      await server.remove();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function processesOf(url: string): Promise<number[]> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    const rows = await sql<{ pid: number }[]>`select pid from pg_stat_activity`;
    return rows.map(({ pid }) => pid);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}
