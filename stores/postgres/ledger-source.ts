/** What a governed store has for the ledger: statements and sealed batches without an index. */
import { type StoreConnection, storeClock } from './connection.ts';
import { asStore } from './driver-error.ts';

/** A statement as the guard wrote it; names are still plain. */
export interface GuardEvent {
  readonly n: number;
  readonly kind: string;
  readonly run: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
  readonly names: Readonly<Record<string, string>>;
  /** RFC 3339 UTC with microseconds. */
  readonly at: string;
}

export interface WaitingBatch {
  readonly batch: string;
  readonly run: string;
  readonly step: number;
  readonly lane: number;
  readonly seq: number;
  readonly records: number;
}

/**
 * One snapshot: a batch in it was committed after every statement that it depends on. Never long: the
 * guard destroys nothing more while a batch has waited for a minute.
 */
export interface Waiting {
  readonly events: readonly GuardEvent[];
  readonly batches: readonly WaitingBatch[];
  /** The number of the store's newest statement, integrated or not; 0 before the first. */
  readonly newest: number;
  /** How long the oldest of them has waited, by the store's clock. */
  readonly oldestSeconds: number;
}

export interface SealedBytes {
  readonly header: Buffer;
  readonly refs: Buffer;
}

export interface Integrated {
  readonly batches: readonly { readonly batch: string; readonly index: number }[];
  readonly events: readonly { readonly n: number; readonly index: number }[];
}

/** A hold as far as the ledger tells of it. */
export interface KnownHold {
  readonly hold: number;
  readonly version: string;
  /** RFC 3339 UTC with microseconds. */
  readonly effectiveAt: string;
}

/** Where a restored store goes on: after what the ledger has from it. */
export interface Resumed {
  /** Number of its last statement. */
  readonly n: number;
  /** Runs that are given up. */
  readonly runs: readonly string[];
  /** Statements that it still knows, with their places. */
  readonly events: Integrated['events'];
  /** The highest number and version of a hold. */
  readonly hold: number;
  readonly holdVersion: number;
}

export interface StoreLedger {
  readonly store: string;
  waiting(): Promise<Waiting>;
  sealed(batch: string): Promise<SealedBytes | undefined>;
  markIntegrated(integrated: Integrated): Promise<void>;
  clock(): Promise<string>;
  /** The number of the newest statement, of those up to `upTo`; 0 when there is none. */
  newestStatement(upTo?: number): Promise<number>;
  /** When statement `n` was told; undefined when this store has none of that number. */
  toldAt(n: number): Promise<string | undefined>;
  /** The number up to which a restored store was fitted to the ledger; 0 for any other. */
  resumedAfter(): Promise<number>;
  /** The last sequence number of each lane of a run that destroyed something. */
  laneSeqs(
    run: string,
  ): Promise<readonly { readonly step: number; readonly lane: number; readonly seq: number }[]>;
  /** All holds, released ones too: a number alone may be another hold's after a restore. */
  holds(): Promise<readonly KnownHold[]>;
  /** See `retain_guard.resume_after`; needs the rights of `retain_app`. */
  resumeAfter(resumed: Resumed): Promise<void>;
  /**
   * From now on no batch is sealed with this worker key; needs the rights of `retain_app`. `STORE_BUSY` when a
   * seal does not end within two seconds.
   */
  revokeSigner(name: string): Promise<void>;
  /** Batches sealed with this worker key that are not integrated. */
  unintegratedOf(signer: string): Promise<number>;
}

/** Binds a connection of `retain_worker` (or, for reading, `retain_auditor`) to the port. */
export function storeLedger(connection: StoreConnection): StoreLedger {
  const { sql, store } = connection;
  return {
    store,
    clock: () => storeClock(connection),
    newestStatement: (upTo = Number.MAX_SAFE_INTEGER) =>
      asStore(store, async () => {
        const [row] = await sql<{ newest: string | null }[]>`
          select max(event_no)::text as newest from retain_guard.event
           where event_no <= ${String(upTo)}::bigint`;
        return Number(row?.newest ?? 0);
      }),
    toldAt: (n) =>
      asStore(store, async () => {
        const [row] = await sql<{ at: string }[]>`
          select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
            from retain_guard.event where event_no = ${n}`;
        return row?.at;
      }),
    resumedAfter: () =>
      asStore(store, async () => {
        const [row] = await sql<{ n: string }[]>`
          select resumed_after::text as n from retain_guard.event_state`;
        return Number(row?.n ?? 0);
      }),
    laneSeqs: (run) =>
      asStore(
        store,
        () => sql<{ step: number; lane: number; seq: number }[]>`
          select step_no as step, lane_no as lane, seq from retain_guard.lane
           where run_id = ${run} and seq > 0`,
      ),
    holds: () =>
      asStore(store, async () => {
        const rows = await sql<{ no: string; version: string; effectiveAt: string }[]>`
          select hold_no::text as no, version::text as version,
                 to_char(effective_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "effectiveAt"
            from retain_guard.hold`;
        return rows.map(({ no, version, effectiveAt }) => ({
          hold: Number(no),
          version,
          effectiveAt,
        }));
      }),
    resumeAfter: ({ n, runs, events, hold, holdVersion }) =>
      asStore(store, async () => {
        await sql`select retain_guard.resume_after(${n}, ${[...runs]}::uuid[],
          ${events.map((event) => String(event.n))}::bigint[], ${events.map(({ index }) => String(index))}::bigint[],
          ${hold}, ${holdVersion})`;
      }),
    revokeSigner: (name) =>
      asStore(store, async () => void (await sql`select retain_guard.revoke_signer(${name})`)),
    unintegratedOf: (signer) =>
      asStore(store, async () => {
        const [row] = await sql<{ batches: number }[]>`
          select count(*)::integer as batches from retain_guard.batch_sealed
           where first_index is null and convert_from(substring(header from 67), 'UTF8')::jsonb ->> 'worker' = ${signer}`;
        return row?.batches ?? 0;
      }),
    // One statement, so one snapshot.
    waiting: () =>
      asStore(store, async () => {
        const [row] = await sql<WaitingRow[]>`
          with waiting_batch as (
            select s.batch_id, b.run_id, b.step_no, b.lane_no, b.seq, b.destroyed, s.sealed_at
              from retain_guard.batch_sealed s join retain_guard.batch b using (batch_id)
             where s.first_index is null
          ), waiting_event as (
            select event_no, kind, body, names, at from retain_guard.event where first_index is null
          )
          select coalesce((select jsonb_agg(jsonb_build_object(
                     'n', event_no, 'kind', kind, 'run', body ->> 'run', 'body', body, 'names', names,
                     'at', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) order by event_no)
                   from waiting_event), '[]') as events,
                 coalesce((select jsonb_agg(jsonb_build_object(
                     'batch', batch_id, 'run', run_id, 'step', step_no, 'lane', lane_no, 'seq', seq, 'records', destroyed)
                     order by run_id, step_no, lane_no, seq)
                   from waiting_batch), '[]') as batches,
                 greatest((select max(event_no) from retain_guard.event),
                          (select resumed_after from retain_guard.event_state))::text as newest,
                 coalesce(extract(epoch from clock_timestamp() - least(
                     (select min(sealed_at) from waiting_batch), (select min(at) from waiting_event))), 0)::float8 as seconds`;
        return waitingOf(row);
      }),
    sealed: (batch) =>
      asStore(store, async () => {
        const [row] = await sql<SealedBytes[]>`
          select header, refs from retain_guard.batch_sealed where batch_id = ${batch}`;
        return row;
      }),
    markIntegrated: ({ batches, events }) =>
      asStore(store, async () => {
        await sql`select retain_guard.mark_integrated(
          ${batches.map(({ batch }) => batch)}::uuid[], ${batches.map(({ index }) => String(index))}::bigint[],
          ${events.map(({ n }) => String(n))}::bigint[], ${events.map(({ index }) => String(index))}::bigint[])`;
      }),
  };
}

interface WaitingRow {
  readonly events: GuardEvent[];
  readonly batches: WaitingBatch[];
  readonly newest: string;
  readonly seconds: number;
}

function waitingOf(row: WaitingRow | undefined): Waiting {
  const { events = [], batches = [], newest = '0', seconds = 0 } = row ?? {};
  return {
    events: events.map((event) => ({ ...event, run: event.run ?? undefined })),
    batches,
    newest: Number(newest),
    oldestSeconds: Math.max(0, seconds),
  };
}
