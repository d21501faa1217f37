/** What the control database itself tells the ledger: rows that wait for their place. */
import { asc, eq, isNull, sql } from 'drizzle-orm';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { RetentionError } from '../domain/errors.ts';
import type { Ask, LedgerDb, LogHead, OutboxRow } from './ledger.ts';
import { logOutbox, logState } from './ledger-schema.ts';
import { rfc3339 } from './rfc3339.ts';

export function outboxOf(
  db: PostgresJsDatabase,
  ask: Ask,
): Pick<
  LedgerDb,
  'genesis' | 'begin' | 'addSigned' | 'addStatement' | 'pending' | 'destroyedEpochs'
> {
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
    addSigned: (kind, entry) =>
      ask(async () => void (await db.insert(logOutbox).values({ kind, entry }))),
    addStatement: (kind, body, names) =>
      ask(async () => void (await db.insert(logOutbox).values({ kind, body, names }))),
    pending: (limit) => ask(() => pending(db, limit)),
    destroyedEpochs: () =>
      ask(async () => {
        const rows = await db
          .select({ body: logOutbox.body, at: rfc3339(logOutbox.at) })
          .from(logOutbox)
          .where(eq(logOutbox.kind, 'epoch.destroy'));
        return new Map(rows.map(({ body, at }) => [String(body?.['epoch']), at]));
      }),
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
      // A schedule may have been installed before the ledger began.
      .orderBy(sql`${logOutbox.kind} <> 'genesis'`, asc(logOutbox.no))
      .limit(limit)
  );
}
