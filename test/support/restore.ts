/** A backup of a test's database and its restore, by copying the database as a whole. */
import { randomBytes } from 'node:crypto';
import postgres, { type Sql } from 'postgres';
import { inject } from 'vitest';
import { requireHead } from '../../app/ledger/sequence.ts';
import type { LedgerSite } from './ledger-site.ts';
import './provided.ts';

/** Takes a copy as of now; answers how to put it back. Open pools connect again by themselves. */
export async function backedUp(url: string): Promise<() => Promise<void>> {
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  const copy = `backup_${randomBytes(5).toString('hex')}`;
  await asAdmin(async (sql) => {
    await endSessions(sql, name);
    await sql`create database ${sql(copy)} template ${sql(name)}`;
  });
  return () =>
    asAdmin(async (sql) => {
      await sql`drop database ${sql(name)} with (force)`;
      await sql`create database ${sql(name)} template ${sql(copy)}`;
      await sql`drop database ${sql(copy)}`;
    });
}

/** Sessions that were cut by a backup or a restore are found dead on their next use. */
export async function awake({ store, deps, governed }: LedgerSite): Promise<void> {
  for (const ask of [
    () => store.newestStatement(),
    () => requireHead(deps.ledger),
    () => governed.guard.clock(),
  ]) {
    await ask().catch(() => undefined);
    await ask();
  }
}

async function endSessions(sql: Sql, name: string): Promise<void> {
  await sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${name}`;
}

async function asAdmin(work: (sql: Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(inject('postgresAdminUrl'), { max: 1, onnotice: () => undefined });
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
