/**
 * The governed tables. The due records are the oldest ones and lie together at the front of the table,
 * closed in an order that differs a little from that of their keys: as in life, and as it suits one
 * statement best.
 */
import type { Sql } from 'postgres';

/** Held keys of the variants with holds. */
export const HELD_KEYS = 100_000;

/** A table of `of` rows of about 300 bytes with the primary key and two indexes, vacuumed. */
export async function createTable(
  sql: Sql,
  name: string,
  records: number,
  of: number,
): Promise<void> {
  await sql.unsafe(`
    create table public.${name} (
      id         bigint      not null,
      subject_id bigint      not null,
      opened_at  timestamptz not null,
      closed_at  timestamptz,
      title      text        not null,
      body       text        not null
    )`);
  await insertRows(sql, name, records, 1, of);
  await sql.unsafe(`
    alter table public.${name} add primary key (id);
    create index on public.${name} (closed_at);
    create index on public.${name} (subject_id)`);
  await sql.unsafe(`vacuum (analyze) public.${name}`);
}

/** Puts back what a run has destroyed, in the space it has left. Leaves the server at rest. */
export async function refill(sql: Sql, records: number): Promise<void> {
  // Held records were left; a smaller set than last time must not find them due.
  await sql.unsafe(`delete from public.record where closed_at < '2014-01-01'`);
  await sql.unsafe('vacuum public.record');
  await insertRows(sql, 'record', records, 1, records);
  await sql.unsafe('vacuum (analyze) public.record');
  await sql.unsafe('truncate bench.audit');
  await sql.unsafe('vacuum (analyze) retain_guard.hold_key');
  await sql.unsafe('checkpoint');
}

/** Puts narrow rows with these ids, all of them due, beside what is there. */
export async function addDue(sql: Sql, first: number, last: number): Promise<void> {
  await sql.unsafe(`
    insert into public.record (id, subject_id, opened_at, closed_at, title, body)
    select i, i * 7919 % 1000003, timestamptz '2008-01-01',
           timestamptz '2012-01-01' + (i % 50021) * interval '1 second', 'Record', ''
      from generate_series(${first}::bigint, ${last}::bigint) as i`);
  await sql.unsafe('vacuum (analyze) public.record');
}

/** Rows `first` to `last`; the first `records` of the table are due, of the others four in ten are open. */
async function insertRows(
  sql: Sql,
  name: string,
  records: number,
  first: number,
  last: number,
): Promise<void> {
  await sql.unsafe(`
    insert into public.${name} (id, subject_id, opened_at, closed_at, title, body)
    select i, i * 7919 % 1000003,
           timestamptz '2008-01-01' + i * interval '1 second',
           case when i <= ${records}
                then timestamptz '2012-01-01' + (i + (i * 7919 % 50021)) * interval '1 second'
                when i % 10 < 6 then now() - (i % 700 + 1) * interval '1 day' end,
           'Record ' || i, repeat(md5(i::text), 6)
      from generate_series(${first}::bigint, ${last}::bigint) as i
     where not exists (select from public.${name} there where there.id = i)`);
}

/** Keys spread evenly over the whole table: some are due, most are not. */
export function heldKeys(of: number, count: number): string[] {
  const step = of / Math.min(count, of);
  return Array.from({ length: Math.min(count, of) }, (_, index) =>
    String(Math.floor(index * step) + 1),
  );
}
