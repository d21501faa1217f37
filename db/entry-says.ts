/** Conditions on what entries of the ledger say in their own bytes. */
import { type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';

/** Whether the RFC 8785 JSON in an entry has this field with this value, a text without escapes. */
export function says(entry: PgColumn, field: string, value: string): SQL {
  return sql`position(convert_to(${`"${field}":"${value}"`}, 'UTF8') in ${entry}) > 0`;
}
