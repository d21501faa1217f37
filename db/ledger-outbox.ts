/** What the control database itself tells the ledger: rows that wait for their place. */
import { asc, eq, isNull, sql } from 'drizzle-orm';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { RetentionError } from '../domain/errors.ts';
import type { Ask, LedgerDb, LogHead, OutboxRow } from './ledger.ts';
import { logOutbox, logSeq, logState } from './ledger-schema.ts';
import { rfc3339 } from './rfc3339.ts';

export function outboxOf(
  db: PostgresJsDatabase,
  ask: Ask,
): Pick<LedgerDb, 'genesis' | 'begin' | 'addKey' | 'pending'> {
  return {
    genesis: () =>
      ask(async () => {
        const [row] = await db
          .select({ entry: logOutbox.entry })
          .from(logOutbox)
          .where(eq(logOutbox.kind, 'genesis'));
        return row?.entry ?? undefined;
      }),
    begin: (first, genesis) => ask(() => begin(db, first, genesis)),
    addKey: (key, entry) => ask(() => addKey(db, key, entry)),
    pending: (limit) => ask(() => pending(db, limit)),
  };
}

async function begin(db: PostgresJsDatabase, first: LogHead, genesis: Buffer): Promise<void> {
  await db.transaction(async (tx) => {
    const begun = await tx.insert(logState).values(first).onConflictDoNothing().returning();
    if (begun.length === 0) {
      throw new RetentionError(
        'LEDGER_EXISTS',
        'This control database has a ledger already; a second one would be a second truth.',
      );
    }
    await tx.insert(logOutbox).values({ kind: 'genesis', entry: genesis });
  });
}

/** The body of a signed entry is its bytes from the 67th on. */
const BODY = sql.raw(`convert_from(substring(entry from 67), 'UTF8')::jsonb`);

async function addKey(
  db: PostgresJsDatabase,
  { name, state }: { readonly name: string; readonly state: string },
  entry: Buffer,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(5395534004)`);
    // After a restore the outbox may have forgotten what the log has.
    const there = await tx.execute(sql`
      select from (select kind, entry from ${logOutbox} union all select kind, entry from ${logSeq}) as told
       where kind = 'key' and ${BODY} ->> 'name' = ${name} and ${BODY} ->> 'state' = ${state}`);
    if (there.length > 0) return false;
    await tx.insert(logOutbox).values({ kind: 'key', entry });
    return true;
  });
}

async function pending(db: PostgresJsDatabase, limit: number): Promise<OutboxRow[]> {
  return (
    db
      .select({
        no: logOutbox.no,
        kind: logOutbox.kind,
        body: logOutbox.body,
        names: logOutbox.names,
        at: rfc3339(logOutbox.at),
        entry: logOutbox.entry,
      })
      .from(logOutbox)
      .where(isNull(logOutbox.firstIndex))
      // A schedule may have been installed before the ledger began, and what waits is signed by the newest key.
      .orderBy(
        sql`${logOutbox.kind} <> 'genesis'`,
        sql`${logOutbox.entry} is null`,
        asc(logOutbox.no),
      )
      .limit(limit)
  );
}
