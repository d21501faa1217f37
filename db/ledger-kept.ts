/** Batches that a store lost in a restore. */
import { and, eq, sql } from 'drizzle-orm';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { says } from './entry-says.ts';
import type { Ask, LedgerDb } from './ledger.ts';
import { logKept } from './ledger-schema.ts';

export function keptOf(
  db: PostgresJsDatabase,
  ask: Ask,
): Pick<LedgerDb, 'keep' | 'kept' | 'keptHeaders' | 'keptHas'> {
  return {
    keep: (batchId, header, refs) =>
      ask(
        async () =>
          void (await db
            .insert(logKept)
            .values({ batchId, header, refs })
            .onConflictDoUpdate({ target: logKept.batchId, set: { header, refs } })),
      ),
    kept: (batchId) =>
      ask(async () => (await db.select().from(logKept).where(eq(logKept.batchId, batchId)))[0]),
    keptHeaders: (of, name) =>
      ask(async () => {
        const rows = await db
          .select({ header: logKept.header })
          .from(logKept)
          .where(says(logKept.header, of, name));
        return rows.map(({ header }) => header);
      }),
    keptHas: (batchId, ref) =>
      ask(async () => {
        const rows = await db
          .select({ batchId: logKept.batchId })
          .from(logKept)
          .where(and(eq(logKept.batchId, batchId), sql`position(${ref} in ${logKept.refs}) > 0`));
        return rows.length > 0;
      }),
  };
}
