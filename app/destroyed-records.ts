/** What the log of one store says about single records: by their keys, sealed and not sealed yet. */
import type { StoreConnection } from '../stores/postgres/connection.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import { guardApp } from '../stores/postgres/guard-app.ts';
import type { Retain } from './context.ts';
import type { EpochKey } from './epoch-keys.ts';
import { lookupRecord } from './lookup.ts';

/** One batch of the log. Instants are RFC 3339 UTC with microseconds. */
export interface LogBatch {
  readonly batch: string;
  readonly run: string;
  /** Counts from 1 within the run, in the order of time. */
  readonly batchNo: number;
  readonly step: number;
  readonly lane: number;
  readonly seq: number;
  readonly recordClass: string;
  readonly rule: string;
  readonly ruleVersion: number;
  readonly action: 'delete' | 'anonymise' | 'reduce';
  readonly destroyed: number;
  /** Rows of parts that went along or were unlinked, by table. */
  readonly parts: Readonly<Record<string, number>>;
  readonly executedAt: string;
  readonly requestedBy: string;
  readonly approvedBy: string;
  /** Null while the batch is not sealed. */
  readonly headerSha256: string | null;
}

/** What was looked for, and the batch it was found in. */
export interface Destroyed {
  readonly key: readonly string[];
  readonly batch: LogBatch;
}

/**
 * Entries of these records of one class, oldest first. Staged keys are read before sealed references,
 * so a batch that is sealed in between is found. Throws `EPOCH_KEY_MISSING` when the log has entries
 * of the class and there is no key to look them up with.
 */
export async function findDestroyed(
  retain: Pick<Retain, 'epochKeys'>,
  connection: StoreConnection,
  recordClass: string,
  keys: readonly (readonly string[])[],
): Promise<Destroyed[]> {
  const found = await findStaged(connection, recordClass, keys);
  const guard = guardApp(connection);
  const runs = await guard.runsOfClass(recordClass);
  // Read once, however many records are looked for.
  let epochs: Promise<EpochKey[]> | undefined;
  const dependencies = {
    epochKeys: {
      all: (of: string) => {
        epochs ??= retain.epochKeys.all(of);
        return epochs;
      },
    },
    findRef: guard.findRef,
    runsOfClass: async () => runs,
  };
  for (const key of keys) {
    const entries = await lookupRecord(dependencies, recordClass, key);
    found.push(...entries.map(({ batch }) => ({ key, batch })));
  }
  const batches = await readBatches(connection, [...new Set(found.map(({ batch }) => batch))]);
  const seen = new Set<string>();
  return found
    .flatMap(({ key, batch }) => {
      const once = JSON.stringify([key, batch]);
      const entry = batches.get(batch);
      if (!entry || seen.has(once)) return [];
      seen.add(once);
      return [{ key, batch: entry }];
    })
    .sort((a, b) => (a.batch.executedAt < b.batch.executedAt ? -1 : 1));
}

async function findStaged(
  { sql, store }: StoreConnection,
  recordClass: string,
  keys: readonly (readonly string[])[],
): Promise<{ key: readonly string[]; batch: string }[]> {
  const staged = await asStore(
    store,
    () => sql<{ batch: string; keys: (string | string[])[] }[]>`
    select batch_id as batch, s.keys from retain_guard.batch_staged s
      join retain_guard.batch b using (batch_id) where b.record_class = ${recordClass}`,
  );
  const wanted = new Map(keys.map((key) => [JSON.stringify(key), key]));
  return staged.flatMap(({ batch, keys: destroyed }) =>
    destroyed.flatMap((key) => {
      const match = wanted.get(JSON.stringify(typeof key === 'string' ? [key] : key));
      return match ? [{ key: match, batch }] : [];
    }),
  );
}

/** Batches by id. */
export async function readBatches(
  { sql, store }: StoreConnection,
  ids: readonly string[],
): Promise<Map<string, LogBatch>> {
  if (ids.length === 0) return new Map();
  const rows = await asStore(
    store,
    () => sql<LogBatch[]>`
    with numbered as (
      select batch_id, row_number() over (partition by run_id order by executed_at, step_no, lane_no, seq)::integer as no
        from retain_guard.batch
       where run_id in (select run_id from retain_guard.batch where batch_id = any (${ids as string[]}::uuid[]))
    )
    select b.batch_id as batch, b.run_id as run, n.no as "batchNo", b.step_no as step, b.lane_no as lane, b.seq,
           b.record_class as "recordClass", b.rule_id as rule, b.rule_version as "ruleVersion", b.action,
           b.destroyed, b.parts, p.requested_by as "requestedBy", d.decided_by as "approvedBy",
           to_char(b.executed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "executedAt",
           encode(s.header_sha256, 'hex') as "headerSha256"
      from retain_guard.batch b
      join numbered n using (batch_id)
      join retain_guard.plan p on p.run_id = b.run_id
      join retain_guard.decision d on d.run_id = b.run_id
      left join retain_guard.batch_sealed s using (batch_id)
     where b.batch_id = any (${ids as string[]}::uuid[])`,
  );
  return new Map(rows.map((row) => [row.batch, row]));
}
