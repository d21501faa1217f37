/** The head of the tree, the chains it continues, and the one way in which it grows. */
import { and, eq, inArray, sql } from 'drizzle-orm';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type { Ask, Extension, LaneEnd, LedgerDb, LogHead, LogRange } from './ledger.ts';
import { logLane, logOutbox, logSeq, logSource, logState, logTile } from './ledger-schema.ts';

export function treeOf(
  db: PostgresJsDatabase,
  ask: Ask,
): Pick<LedgerDb, 'head' | 'extend' | 'sourceEnd' | 'laneEnds' | 'indexesOf' | 'statementsOf'> {
  return {
    head: () => ask(() => head(db)),
    extend: (extension) => ask(() => extend(db, extension)),
    sourceEnd: (source) =>
      ask(async () => (await db.select().from(logSource).where(eq(logSource.source, source)))[0]),
    laneEnds: (source, runIds) => ask(() => laneEnds(db, source, runIds)),
    indexesOf: (batchIds) => ask(() => indexesOf(db, batchIds)),
    statementsOf: (source, ns) => ask(() => statementsOf(db, source, ns)),
  };
}

async function head(db: PostgresJsDatabase): Promise<LogHead | undefined> {
  const [row] = await db.select().from(logState);
  return row;
}

async function laneEnds(
  db: PostgresJsDatabase,
  source: string,
  runIds: readonly string[],
): Promise<LaneEnd[]> {
  if (runIds.length === 0) return [];
  return db
    .select()
    .from(logLane)
    .where(and(eq(logLane.source, source), inArray(logLane.runId, [...runIds])));
}

async function indexesOf(
  db: PostgresJsDatabase,
  batchIds: readonly string[],
): Promise<Map<string, number>> {
  if (batchIds.length === 0) return new Map();
  const rows = await db
    .select({ batchId: logSeq.batchId, firstIndex: logSeq.firstIndex })
    .from(logSeq)
    .where(inArray(logSeq.batchId, [...batchIds]));
  return new Map(rows.map((row) => [row.batchId ?? '', row.firstIndex]));
}

async function statementsOf(
  db: PostgresJsDatabase,
  source: string,
  ns: readonly number[],
): Promise<Map<number, LogRange>> {
  if (ns.length === 0) return new Map();
  const rows = await db
    .select()
    .from(logSeq)
    .where(and(eq(logSeq.source, source), inArray(logSeq.n, [...ns])));
  return new Map(rows.map((row) => [row.n ?? 0, row]));
}

/** Compare and swap on the head: whoever computed on an older one loses, whole. */
async function extend(db: PostgresJsDatabase, extension: Extension): Promise<boolean> {
  const { before, after } = extension;
  try {
    await db.transaction(async (tx) => {
      // What a checkpoint will cover must survive a crash, whatever the server's default is.
      await tx.execute(sql`set local synchronous_commit = on`);
      const moved = await tx
        .update(logState)
        .set({ size: after.size, root: after.root, open: after.open })
        .where(and(eq(logState.size, before.size), eq(logState.root, before.root)))
        .returning();
      if (moved.length === 0) throw new HeadMoved();
      await tx.insert(logSeq).values([...extension.ranges]);
      if (extension.tiles.length > 0) await tx.insert(logTile).values([...extension.tiles]);
      for (const end of extension.sources) {
        await tx
          .insert(logSource)
          .values(end)
          .onConflictDoUpdate({
            target: logSource.source,
            set: { n: end.n, entrySha256: end.entrySha256 },
          });
      }
      for (const end of extension.lanes) {
        await tx
          .insert(logLane)
          .values(end)
          .onConflictDoUpdate({
            target: [logLane.source, logLane.runId, logLane.step, logLane.lane],
            set: { seq: end.seq, headerSha256: end.headerSha256 },
          });
      }
      for (const { no, firstIndex } of extension.outbox)
        await tx.update(logOutbox).set({ firstIndex }).where(eq(logOutbox.no, no));
    });
    return true;
  } catch (error) {
    if (error instanceof HeadMoved) return false;
    throw error;
  }
}

class HeadMoved extends Error {}
