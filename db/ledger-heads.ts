/** Signed heads and their timestamps. */
import { desc, gte, lte, sql } from 'drizzle-orm';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type { Ask, LedgerDb } from './ledger.ts';
import { logCheckpoint, logTimestamp } from './ledger-schema.ts';
import { rfc3339 } from './rfc3339.ts';

export function headsOf(
  db: PostgresJsDatabase,
  ask: Ask,
): Pick<LedgerDb, 'addCheckpoint' | 'checkpoint' | 'addTimestamp' | 'timestamped'> {
  return {
    addCheckpoint: (size, note) =>
      ask(
        async () =>
          void (await db
            .insert(logCheckpoint)
            .values({ size, note })
            .onConflictDoUpdate({
              target: logCheckpoint.size,
              set: { note, signedAt: sql`now()` },
            })),
      ),
    checkpoint: (atMost = Number.MAX_SAFE_INTEGER) =>
      ask(async () => {
        const [row] = await db
          .select({
            size: logCheckpoint.size,
            note: logCheckpoint.note,
            signedAt: rfc3339(logCheckpoint.signedAt),
          })
          .from(logCheckpoint)
          .where(lte(logCheckpoint.size, atMost))
          .orderBy(desc(logCheckpoint.size))
          .limit(1);
        return row;
      }),
    addTimestamp: (size, note, response) =>
      ask(
        async () =>
          void (await db
            .insert(logTimestamp)
            .values({ size, note, response })
            .onConflictDoUpdate({
              target: logTimestamp.size,
              set: { note, response, at: sql`now()` },
            })),
      ),
    timestamped: (size = 0) =>
      ask(async () => {
        const { note, response } = logTimestamp;
        const [row] = await db
          .select({ size: logTimestamp.size, note, response, at: rfc3339(logTimestamp.at) })
          .from(logTimestamp)
          .where(gte(logTimestamp.size, size))
          .orderBy(desc(logTimestamp.size))
          .limit(1);
        return row;
      }),
  };
}
