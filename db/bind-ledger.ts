/** The questions of `ledger.ts`, bound to a connection. */
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type { Ask, LedgerDb } from './ledger.ts';
import { bytesOf } from './ledger-bytes.ts';
import { headsOf } from './ledger-heads.ts';
import { keptOf } from './ledger-kept.ts';
import { outboxOf } from './ledger-outbox.ts';
import { treeOf } from './ledger-tree.ts';

/** Binds the questions to a connection. */
export function ledgerDb(db: PostgresJsDatabase, ask: Ask): LedgerDb {
  return {
    ...outboxOf(db, ask),
    ...treeOf(db, ask),
    ...bytesOf(db, ask),
    ...keptOf(db, ask),
    ...headsOf(db, ask),
  };
}
