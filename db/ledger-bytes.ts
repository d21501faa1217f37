/** Where entries came from, and what of the tree is kept. */
import { and, asc, between, desc, eq, gt, gte, inArray, lte, sql } from 'drizzle-orm';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { says } from './entry-says.ts';
import type { Ask, LedgerDb, LogRange } from './ledger.ts';
import { logSeq, logTile } from './ledger-schema.ts';

export function bytesOf(
  db: PostgresJsDatabase,
  ask: Ask,
): Pick<LedgerDb, 'closedSince' | 'ranges' | 'statements' | 'statementsOfRun' | 'tile'> {
  return {
    ranges: (from, to) => ask(() => ranges(db, from, to)),
    statements: (kinds) =>
      ask(() =>
        db
          .select()
          .from(logSeq)
          .where(inArray(logSeq.kind, [...kinds]))
          .orderBy(asc(logSeq.firstIndex)),
      ),
    statementsOfRun: (run) =>
      ask(() =>
        db
          .select()
          .from(logSeq)
          .where(and(inArray(logSeq.kind, RUN_KINDS), says(logSeq.entry, 'run', run)))
          .orderBy(asc(logSeq.firstIndex)),
      ),
    tile: (level, tileIndex) =>
      ask(async () => {
        const [row] = await db
          .select({ hashes: logTile.hashes })
          .from(logTile)
          .where(and(eq(logTile.level, level), eq(logTile.tileIndex, tileIndex)));
        return row?.hashes;
      }),
    closedSince: (from) =>
      ask(async () => {
        const rows = await db
          .select({ firstIndex: logSeq.firstIndex })
          .from(logSeq)
          .where(and(gte(logSeq.firstIndex, from), eq(logSeq.kind, 'run.close')))
          .limit(1);
        return rows.length > 0;
      }),
  };
}

const RUN_KINDS = ['plan', 'approval', 'run.open', 'run.close'];

async function ranges(db: PostgresJsDatabase, from: number, to: number): Promise<LogRange[]> {
  const [first] = await db
    .select({ firstIndex: logSeq.firstIndex })
    .from(logSeq)
    .where(lte(logSeq.firstIndex, from))
    .orderBy(desc(logSeq.firstIndex))
    .limit(1);
  return db
    .select()
    .from(logSeq)
    .where(
      and(
        between(logSeq.firstIndex, first?.firstIndex ?? from, to - 1),
        gt(sql`${logSeq.firstIndex} + ${logSeq.leaves}`, from),
      ),
    )
    .orderBy(asc(logSeq.firstIndex));
}
