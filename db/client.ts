/** The control database: connection, migrations, and the few questions asked of it. */
import { fileURLToPath } from 'node:url';
import { desc, eq, like, sql } from 'drizzle-orm';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { RetentionError } from '../domain/errors.ts';
import { ledgerDb } from './bind-ledger.ts';
import type { LedgerDb } from './ledger.ts';
import { type LedgerAudit, ledgerAudit } from './ledger-audit.ts';
import { logOutbox } from './ledger-schema.ts';
import { run, scheduleVersion } from './schema.ts';

const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url));

export interface InstalledSchedule {
  readonly version: number;
  readonly sha256: string;
  readonly document: string;
  readonly installedBy: string;
  readonly installedAt: string;
}

export interface RunEntry {
  readonly runId: string;
  readonly store: string;
  readonly scheduleVersion: number;
  readonly requestedBy: string;
  readonly digest: string;
  readonly createdAt: string;
}

export interface ControlDb {
  readonly ledger: LedgerDb;
  /** For comparing with the published log. */
  readonly audit: LedgerAudit;
  /** The version in force, or undefined before the first. */
  latestSchedule(): Promise<InstalledSchedule | undefined>;
  scheduleAt(version: number): Promise<InstalledSchedule | undefined>;
  scheduleVersions(): Promise<Omit<InstalledSchedule, 'document'>[]>;
  /** Adds the next version. Of two people installing at once, one is refused by the primary key. */
  addSchedule(entry: { sha256: string; document: string; installedBy: string }): Promise<number>;
  addRun(entry: Omit<RunEntry, 'createdAt'>): Promise<void>;
  /** Runs whose id begins with `prefix` (hex digits and dashes only), newest first. */
  runsByPrefix(prefix: string): Promise<RunEntry[]>;
  recentRuns(limit: number): Promise<RunEntry[]>;
  end(): Promise<void>;
}

/**
 * Opens the control database and brings its schema up to date under an advisory lock.
 * `migrate: false` leaves the schema alone, for logins that may not change it.
 */
export async function openControlDb(
  url: string,
  options: { readonly migrate: boolean },
): Promise<ControlDb> {
  const client = postgres(url, {
    max: 4,
    connect_timeout: 5,
    idle_timeout: 30,
    onnotice: () => undefined,
  });
  const db = drizzle(client);
  try {
    if (options.migrate) await migrateLocked(url);
    await db.execute(sql`select 1 from retain.schedule_version limit 1`);
  } catch (error) {
    await client.end({ timeout: 5 });
    throw controlError(error);
  }
  return {
    ledger: ledgerDb(db, ask),
    audit: ledgerAudit(db, ask),
    latestSchedule: () => ask(() => latestSchedule(db)),
    scheduleAt: (version) =>
      ask(async () => {
        const [row] = await db
          .select()
          .from(scheduleVersion)
          .where(eq(scheduleVersion.version, version));
        return row;
      }),
    scheduleVersions: () =>
      ask(() =>
        db
          .select({
            version: scheduleVersion.version,
            sha256: scheduleVersion.sha256,
            installedBy: scheduleVersion.installedBy,
            installedAt: scheduleVersion.installedAt,
          })
          .from(scheduleVersion)
          .orderBy(desc(scheduleVersion.version)),
      ),
    addSchedule: (entry) => ask(() => addSchedule(db, entry)),
    addRun: (entry) => ask(async () => void (await db.insert(run).values(entry))),
    runsByPrefix: (prefix) =>
      ask(() =>
        db
          .select()
          .from(run)
          .where(like(sql`${run.runId}::text`, `${prefix.replace(/[^0-9a-f-]/g, '_')}%`))
          .orderBy(desc(run.createdAt)),
      ),
    recentRuns: (limit) =>
      ask(() => db.select().from(run).orderBy(desc(run.createdAt)).limit(limit)),
    end: () => client.end({ timeout: 5 }),
  };
}

async function ask<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw controlError(error);
  }
}

async function latestSchedule(db: PostgresJsDatabase): Promise<InstalledSchedule | undefined> {
  const [row] = await db
    .select()
    .from(scheduleVersion)
    .orderBy(desc(scheduleVersion.version))
    .limit(1);
  return row;
}

/** After a restore the ledger may know later versions than this database: their numbers are taken. */
const NEXT_VERSION = sql<number>`(
  select coalesce(max(taken), 0) + 1 from (
    select version as taken from retain.schedule_version
    union all
    select (convert_from(substring(entry from 67), 'UTF8')::jsonb ->> 'version')::integer
      from retain.log_seq where kind = 'rule.version') as versions)`;

async function addSchedule(
  db: PostgresJsDatabase,
  entry: { sha256: string; document: string; installedBy: string },
): Promise<number> {
  const { sha256, installedBy } = entry;
  return db.transaction(async (tx) => {
    const [row] = await tx
      .insert(scheduleVersion)
      .values({
        ...entry,
        version: NEXT_VERSION,
      })
      .returning({ version: scheduleVersion.version });
    const version = row?.version ?? 0;
    await tx.insert(logOutbox).values({
      kind: 'rule.version',
      body: { version, sha256 },
      names: { installed_by: installedBy },
    });
    return version;
  });
}

/** Drizzle's migrator takes no lock of its own; two processes that start together would collide. */
async function migrateLocked(url: string): Promise<void> {
  const single = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => undefined });
  try {
    await single`select pg_advisory_lock(5395534003)`;
    await migrate(drizzle(single), {
      migrationsFolder: MIGRATIONS,
      migrationsSchema: 'retain',
      migrationsTable: 'migration',
    });
  } finally {
    await single.end({ timeout: 5 });
  }
}

/** Drizzle wraps the driver's error; only its SQLSTATE may be told. */
function controlError(error: unknown): RetentionError {
  if (error instanceof RetentionError) return error;
  const outer = error as { code?: unknown; cause?: { code?: unknown } };
  const code = outer.cause?.code ?? outer.code;
  const state = typeof code === 'string' ? code : 'unknown';
  if (['28P01', '28000', '3D000'].includes(state)) {
    return new RetentionError(
      'CREDENTIALS_REJECTED',
      'The control database refused the user, password or database name in DATABASE_URL.',
      { state },
    );
  }
  if (['42P01', '3F000'].includes(state)) {
    return new RetentionError(
      'CONFIG_INVALID',
      'The control database is not set up. Run: retain store install',
      { state },
    );
  }
  if (state === '25006') {
    return new RetentionError(
      'STORE_READ_ONLY',
      'The control database is read only (a replica?).',
      { state },
    );
  }
  if (/^[0-9A-Z]{5}$/.test(state) && !state.startsWith('08') && !state.startsWith('57')) {
    return new RetentionError(
      'STORE_REJECTED',
      `The control database rejected a statement (SQLSTATE ${state}).`,
      { state },
    );
  }
  return new RetentionError(
    'STORE_UNAVAILABLE',
    'The control database does not answer. Is it up, and is DATABASE_URL right?',
    { state },
  );
}
