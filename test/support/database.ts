/** A database of its own for each test file, on the PostgreSQL of the global setup. */
import { createHash, randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { inject } from 'vitest';
import './provided.ts';

export interface TestDatabase {
  /** Superuser URL of this database. */
  readonly url: string;
  readonly name: string;
  /** Ends every session of the database and drops it. */
  readonly drop: () => Promise<void>;
}

export interface DatabaseOptions {
  /** The name that `createTemplate` answered: the new database is a copy of it. */
  readonly template?: string;
}

/** Superuser URL of any database on the test server. Roles are shared by all of them. */
export function databaseUrl(name: string): string {
  const url = new URL(inject('postgresAdminUrl'));
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.href;
}

/** A fresh database with a name that nobody else uses. */
export async function createDatabase(options: DatabaseOptions = {}): Promise<TestDatabase> {
  const name = `t_${process.pid}_${randomBytes(5).toString('hex')}`;
  await asAdmin((sql) =>
    options.template === undefined
      ? sql`create database ${sql(name)}`
      : sql`create database ${sql(name)} template ${sql(options.template)}`,
  );
  return {
    url: databaseUrl(name),
    name,
    drop: () => asAdmin((sql) => sql`drop database if exists ${sql(name)} with (force)`),
  };
}

/**
 * The name of a template database that `setup` filled. It is made once per server and name, however
 * many test files ask for it; `setup` must close its connections, since a database with sessions
 * cannot be copied.
 */
export async function createTemplate(
  name: string,
  setup: (url: string) => Promise<void>,
): Promise<string> {
  const template = `template_${name}`;
  const lock = createHash('sha256').update(template).digest().readInt32BE(0);
  await asAdmin(async (sql) => {
    await sql`select pg_advisory_lock(${lock}::int)`;
    const [existing] = await sql`select 1 from pg_database where datname = ${template}`;
    if (existing !== undefined) return;
    const unfinished = `${template}_unfinished`;
    await sql`drop database if exists ${sql(unfinished)} with (force)`;
    await sql`create database ${sql(unfinished)}`;
    await setup(databaseUrl(unfinished));
    await sql`alter database ${sql(unfinished)} rename to ${sql(template)}`;
  });
  return template;
}

async function asAdmin(work: (sql: postgres.Sql) => PromiseLike<unknown>): Promise<void> {
  const sql = postgres(inject('postgresAdminUrl'), { max: 1, onnotice: () => undefined });
  try {
    await work(sql);
  } finally {
    await sql.end();
  }
}
