/**
 * What a governed store says of the things that the ledger tells of, row by row, as text: for comparing.
 * One query a table, so that a table that cannot be read is known by name. Reads only.
 */
import type { Sql } from 'postgres';
import { asStore } from './driver-error.ts';

/** Every column as text; `key` names the row. */
export type AuditRow = { readonly key: string } & Readonly<Record<string, string | null>>;

const instant = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as ${column}`;
const sha256 = (bytes: string): string => `encode(sha256(${bytes}), 'hex')`;
const textSha256 = (text: string): string => sha256(`convert_to(${text}, 'UTF8')`);

/** Each takes the keys of its rows as one array. */
const QUERIES = {
  batch: `
    select batch_id::text as key, run_id::text, step_no::text, lane_no::text, seq::text, record_class, rule_id,
           rule_version::text, action, table_name, destroyed::text, parts::text, hold_version::text,
           schema_sha256, ${instant('executed_at')}, txid::text
      from retain_guard.batch where batch_id = any($1::uuid[])`,
  batch_sealed: `
    select batch_id::text as key, key_epoch, ${sha256('header')} as header,
           encode(header_sha256, 'hex') as header_sha256, ${sha256('refs')} as refs, recovered::text,
           first_index::text
      from retain_guard.batch_sealed where batch_id = any($1::uuid[])`,
  event: `
    select event_no::text as key, kind, body::text, names::text, ${instant('at')}, first_index::text
      from retain_guard.event where event_no = any($1::bigint[])`,
  // A quote within a JSON string is escaped: "t0":" stands in the document once.
  plan: `
    select run_id::text as key, ${textSha256('document')} as document, digest, requested_by,
           ${instant('created_at')}, ${instant('expires_at')}, hold_version::text,
           (t0::text is not distinct from substring(document from '"t0":"([0-9]+)"'))::text as t0
      from retain_guard.plan where run_id = any($1::uuid[])`,
  // Whether each statement text is the one that the document names at its place.
  step: `
    select s.run_id || '/' || s.step_no as key, coalesce(${textSha256('s.statements')} = (
             select d.sha256[1] from regexp_matches(p.document, '"statementsSha256":"([0-9a-f]{64})"', 'g')
               with ordinality as d(sha256, no) where d.no = s.step_no), false)::text as statements
      from retain_guard.step s left join retain_guard.plan p using (run_id)
     where s.run_id = any($1::uuid[])`,
  decision: `
    select run_id::text as key, digest, requested_by, decision, decided_by, ${instant('decided_at')}
      from retain_guard.decision where run_id = any($1::uuid[])`,
  run: `
    select run_id::text as key, opened_by, ${instant('opened_at')}, outcome, ${instant('closed_at')}
      from retain_guard.run where run_id = any($1::uuid[])`,
  lane: `
    select run_id::text as key, sum(held)::text as held, sum(blocked)::text as blocked,
           sum(changed)::text as changed, sum(gone)::text as gone
      from retain_guard.lane where run_id = any($1::uuid[]) group by run_id`,
  hold: `
    select hold_no::text as key, matter_id, reason, placed_by, ${instant('placed_at')},
           ${instant('effective_at')}, to_char(review_on, 'YYYY-MM-DD') as review_on, version::text,
           ${instant('released_at')}, released_by, released_version::text, ${instant('frozen_at')},
           exists (select from retain_guard.matter m where m.matter_id = hold.matter_id)::text as matter
      from retain_guard.hold where hold_no = any($1::bigint[])`,
  hold_key: `
    select hold_no || ' ' || record_class as key, count(*)::text as keys
      from retain_guard.hold_key where hold_no = any($1::bigint[]) group by hold_no, record_class`,
  hold_subject: `
    select hold_no || ' ' || subject_kind as key, count(*)::text as subjects
      from retain_guard.hold_subject where hold_no = any($1::bigint[]) group by hold_no, subject_kind`,
  hold_reach: `
    select kind || ' ' || name as key
      from retain_guard.hold_reach where name = any($1::text[])`,
  key_epoch: `
    select key_epoch as key, encode(commitment, 'hex') as commitment,
           to_char(destroy_after, 'YYYY-MM-DD') as destroy_after, ${instant('opened_at')}, ${instant('destroyed_at')}
      from retain_guard.key_epoch where key_epoch = any($1::text[])`,
} as const;

export type AuditTable = keyof typeof QUERIES;

export async function auditRows(
  sql: Sql,
  store: string,
  table: AuditTable,
  keys: readonly string[],
): Promise<AuditRow[]> {
  if (keys.length === 0) return [];
  return asStore(store, async () => {
    const rows = await sql.unsafe<AuditRow[]>(QUERIES[table], [keys as string[]]);
    return [...rows];
  });
}
