/**
 * The tree of the ledger and what is still to be appended from here. Rows are only ever added, but for
 * the head (`log_state`), the chains (`log_source`, `log_lane`) and the index that an outbox row was given.
 */
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  customType,
  integer,
  jsonb,
  primaryKey,
  smallint,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { retain } from './namespace.ts';

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
const index = (name: string) => bigint(name, { mode: 'number' });

export const logState = retain.table(
  'log_state',
  {
    onlyRow: boolean('only_row').primaryKey().default(true),
    /** The name of the log in its checkpoints; chosen once. */
    origin: text('origin').notNull(),
    size: index('size').notNull(),
    root: bytea('root').notNull(),
    /** The open tile of every level, level 0 first: their widths follow from the size. */
    open: bytea('open').notNull(),
  },
  (table) => [check('one_log', sql`${table.onlyRow}`)],
);

/** Which entries came from where: one row per statement, one per batch (its header and its records). */
export const logSeq = retain.table(
  'log_seq',
  {
    firstIndex: index('first_index').primaryKey(),
    leaves: integer('leaves').notNull(),
    /** `control` or `store:<id>`. */
    source: text('source').notNull(),
    kind: text('kind').notNull(),
    /** Number of the statement in its source; null for batches and for statements of the admin. */
    n: bigint('n', { mode: 'number' }),
    batchId: uuid('batch_id').unique(),
    /** The complete entry; null for batches, whose bytes stay in their store. */
    entry: bytea('entry'),
  },
  (table) => [
    uniqueIndex('log_seq_by_source').on(table.source, table.n),
    check('batch_or_statement', sql`num_nonnulls(${table.batchId}, ${table.entry}) = 1`),
    check('some_leaves', sql`${table.leaves} > 0`),
  ],
);

/** Full tiles of level 1 and up: 256 hashes each. Level 0 is recomputed from the entries. */
export const logTile = retain.table(
  'log_tile',
  {
    level: smallint('level').notNull(),
    tileIndex: index('tile_index').notNull(),
    hashes: bytea('hashes').notNull(),
  },
  (table) => [primaryKey({ columns: [table.level, table.tileIndex] })],
);

/** The last statement of each source: what the next one names as `prev`. */
export const logSource = retain.table('log_source', {
  source: text('source').primaryKey(),
  n: bigint('n', { mode: 'number' }).notNull(),
  entrySha256: bytea('entry_sha256').notNull(),
});

/** The last header of each lane: what the next one names as `prev`, kept apart from the store's own word. */
export const logLane = retain.table(
  'log_lane',
  {
    source: text('source').notNull(),
    runId: uuid('run_id').notNull(),
    step: integer('step').notNull(),
    lane: integer('lane').notNull(),
    seq: integer('seq').notNull(),
    headerSha256: bytea('header_sha256').notNull(),
  },
  (table) => [primaryKey({ columns: [table.source, table.runId, table.step, table.lane] })],
);

/** Batches that a store lost in a restore, as the published log has them. */
export const logKept = retain.table('log_kept', {
  batchId: uuid('batch_id').primaryKey(),
  header: bytea('header').notNull(),
  refs: bytea('refs').notNull(),
});

/** Signed heads, as they were published. */
export const logCheckpoint = retain.table('log_checkpoint', {
  size: index('size').primaryKey(),
  note: text('note').notNull(),
  signedAt: timestamp('signed_at', { withTimezone: true, mode: 'string' }).notNull().defaultNow(),
});

/** Answers of a timestamping authority (RFC 3161), each with the very note it is about. */
export const logTimestamp = retain.table('log_timestamp', {
  size: index('size').primaryKey(),
  note: text('note').notNull(),
  /** The bytes of a `.tsr` file. */
  response: bytea('response').notNull(),
  at: timestamp('at', { withTimezone: true, mode: 'string' }).notNull().defaultNow(),
});

/** Statements of the control database, written in the transaction of what they tell. */
export const logOutbox = retain.table('log_outbox', {
  no: bigint('no', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  kind: text('kind').notNull(),
  body: jsonb('body').$type<Readonly<Record<string, unknown>>>(),
  /** Plain names by field; the sequencer puts references in their place. */
  names: jsonb('names').$type<Readonly<Record<string, string>>>().notNull().default({}),
  /** Signed already, by the admin key. */
  entry: bytea('entry'),
  at: timestamp('at', { withTimezone: true, mode: 'string' })
    .notNull()
    .default(sql`clock_timestamp()`),
  firstIndex: index('first_index').unique(),
});
