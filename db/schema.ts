/**
 * The control database: what Retain itself must remember besides what stands, guarded, beside the
 * governed records. Schedule versions are immutable; a run is an index entry that says in which store
 * its plan, decision and log are.
 */
import { sql } from 'drizzle-orm';
import { check, integer, text, timestamp, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { retain } from './namespace.ts';

export const scheduleVersion = retain.table(
  'schedule_version',
  {
    version: integer('version').primaryKey(),
    /** Of the file's bytes, hex. */
    sha256: text('sha256').notNull(),
    /** The file as it was installed, comments included. */
    document: text('document').notNull(),
    installedBy: text('installed_by').notNull(),
    installedAt: timestamp('installed_at', { withTimezone: true, mode: 'string' })
      .notNull()
      .defaultNow(),
  },
  (table) => [
    check('version_counts_from_one', sql`${table.version} > 0`),
    check('installed_by_somebody', sql`btrim(${table.installedBy}) <> ''`),
  ],
);

export const run = retain.table(
  'run',
  {
    runId: uuid('run_id').primaryKey(),
    store: text('store').notNull(),
    scheduleVersion: integer('schedule_version')
      .notNull()
      .references(() => scheduleVersion.version),
    requestedBy: text('requested_by').notNull(),
    digest: text('digest').notNull(),
    createdAt: timestamp('created_at', { withTimezone: true, mode: 'string' })
      .notNull()
      .defaultNow(),
  },
  (table) => [uniqueIndex('run_by_time').on(table.createdAt, table.runId)],
);
