/** What a store told the ledger, and what a worker says when the ledger has followed. */
import type { Sql } from 'postgres';
import { asRole } from './tampering.ts';

export interface Told {
  readonly n: number;
  readonly kind: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly names: Readonly<Record<string, string>>;
  /** RFC 3339 UTC with microseconds. */
  readonly at: string;
}

/** Every statement after number `after`, in order. */
export async function told(sql: Sql, after = 0): Promise<Told[]> {
  const rows = await sql<Told[]>`
    select event_no::integer as n, kind, body, names,
           to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
      from retain_guard.event where event_no > ${after} order by event_no`;
  return [...rows];
}

/** The number of the newest statement. */
export async function newest(sql: Sql): Promise<number> {
  return (await told(sql)).at(-1)?.n ?? 0;
}

export interface Indexes {
  readonly batches?: readonly (string | null)[];
  readonly batchIndexes?: readonly (number | null)[];
  readonly events?: readonly (number | null)[];
  readonly eventIndexes?: readonly (number | null)[];
}

/** `mark_integrated`, as a worker calls it. */
export function mark(url: string, indexes: Indexes): Promise<unknown> {
  const { batches = [], batchIndexes = [], events = [], eventIndexes = [] } = indexes;
  return asRole(
    url,
    'retain_worker',
    (sql) => sql`
      select retain_guard.mark_integrated(${batches as string[]}::uuid[], ${batchIndexes as number[]}::bigint[],
                                          ${events as number[]}::bigint[], ${eventIndexes as number[]}::bigint[])`,
  );
}
