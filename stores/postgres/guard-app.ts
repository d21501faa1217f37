/** What people ask of a store: decisions, control, holds, and what the log holds. Connection role: `retain_app`. */
import type { Sql } from 'postgres';
import type { StoreConnection } from './connection.ts';
import { asStore } from './driver-error.ts';

export interface PlacedHold {
  readonly holdNo: number;
  readonly version: number;
  /** RFC 3339 UTC, microseconds. */
  readonly placedAt: string;
  readonly effectiveAt: string;
}

export interface HoldRequest {
  readonly matter: string;
  readonly reason: string;
  readonly because: string;
  readonly placedBy: string;
  /** Civil day. */
  readonly reviewOn: string;
  readonly keys: readonly { readonly recordClass: string; readonly keyText: string }[];
  readonly subjects: readonly { readonly kind: string; readonly subject: string }[];
}

export interface HoldRow {
  readonly hold_no: string;
  readonly matter_id: string;
  readonly reason: string;
  readonly because: string;
  readonly placed_by: string;
  readonly placed_at: string;
  readonly effective_at: string;
  /** Null while writers older than the hold are waited for. */
  readonly frozen_at: string | null;
  readonly review_on: string;
  readonly released_at: string | null;
  readonly released_by: string | null;
  readonly keys: readonly { readonly record_class: string; readonly key_text: string }[];
  readonly subjects: readonly { readonly subject_kind: string; readonly subject: string }[];
}

/** A run with sealed batches of a class, and an epoch whose key their references were made with. */
export interface RunUnderEpoch {
  readonly run: string;
  readonly epoch: string;
}

const UTC = (column: string) =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

export interface GuardApp {
  /** Tells the store which schedule version is in force; plans of older ones run no further batch. */
  readonly adoptSchedule: (version: number) => Promise<void>;
  readonly decide: (
    run: string,
    digest: string,
    decision: 'approve' | 'reject',
    decidedBy: string,
  ) => Promise<string>;
  readonly openRun: (run: string, openedBy: string) => Promise<void>;
  readonly controlRun: (
    run: string,
    control: 'run' | 'pause' | 'stop',
    by: string,
    reason: string,
  ) => Promise<void>;
  /** `destroyed`: what the report was computed from; `RUN_STILL_MOVING` when the lanes say otherwise by now. */
  readonly closeRun: (
    run: string,
    outcome: string,
    report: unknown,
    destroyed: number,
  ) => Promise<void>;
  readonly openMatter: (matter: string, title: string, openedBy: string) => Promise<void>;
  readonly placeHold: (request: HoldRequest) => Promise<PlacedHold>;
  readonly releaseHold: (holdNo: number, releasedBy: string, because: string) => Promise<string>;
  readonly holds: (filter: { readonly holdNo?: number }) => Promise<HoldRow[]>;
  readonly findRef: (run: string, recordClass: string, ref: Buffer) => Promise<string | undefined>;
  readonly runsOfClass: (recordClass: string) => Promise<RunUnderEpoch[]>;
}

export function guardApp(connection: StoreConnection): GuardApp {
  const { sql, store } = connection;
  const ask = <T>(work: () => Promise<T>) => asStore(store, work);
  return {
    adoptSchedule: (version) =>
      ask(async () => void (await sql`select retain_guard.adopt_schedule(${version})`)),
    decide: (run, digest, decision, decidedBy) =>
      ask(async () => {
        const [row] = await sql<{ at: string }[]>`
          select ${sql.unsafe(UTC('d.at'))} as at
            from retain_guard.decide_plan(${run}, ${digest}, ${decision}, ${decidedBy}) as d(at)`;
        return row?.at ?? '';
      }),
    openRun: (run, openedBy) =>
      ask(async () => void (await sql`select retain_guard.open_run(${run}, ${openedBy})`)),
    controlRun: (run, control, by, reason) =>
      ask(
        async () =>
          void (await sql`select retain_guard.control_run(${run}, ${control}, ${by}, ${reason})`),
      ),
    closeRun: (run, outcome, report, destroyed) =>
      ask(
        async () =>
          void (await sql`
            select retain_guard.close_run(${run}, ${outcome}, ${sql.json(report as never)}, ${destroyed})`),
      ),
    openMatter: (matter, title, openedBy) =>
      ask(
        async () =>
          void (await sql`select retain_guard.open_matter(${matter}, ${title}, ${openedBy})`),
      ),
    placeHold: (request) => ask(() => placeHold(sql, request)),
    releaseHold: (holdNo, releasedBy, because) =>
      ask(async () => {
        const [row] = await sql<{ at: string }[]>`
          select ${sql.unsafe(UTC('d.at'))} as at
            from retain_guard.release_hold(${holdNo}, ${releasedBy}, ${because}) as d(at)`;
        return row?.at ?? '';
      }),
    holds: (filter) => ask(() => listHolds(sql, filter.holdNo)),
    findRef: (run, recordClass, ref) =>
      ask(async () => {
        const [row] = await sql<{ batch: string | null }[]>`
          select retain_guard.find_ref(${run}, ${recordClass}, ${ref}) as batch`;
        return row?.batch ?? undefined;
      }),
    runsOfClass: (recordClass) =>
      ask(async () => {
        const rows = await sql<RunUnderEpoch[]>`
          select distinct b.run_id as run, s.key_epoch as epoch
            from retain_guard.batch b join retain_guard.batch_sealed s using (batch_id)
           where b.record_class = ${recordClass}`;
        return [...rows];
      }),
  };
}

async function placeHold(sql: Sql, request: HoldRequest): Promise<PlacedHold> {
  const [row] = await sql<
    { hold_no: string; version: string; placed: string; effective: string }[]
  >`
    select hold_no, version, ${sql.unsafe(UTC('placed_at'))} as placed, ${sql.unsafe(UTC('effective_at'))} as effective
      from retain_guard.place_hold(${request.matter}, ${request.reason}, ${request.because}, ${request.placedBy},
        ${request.reviewOn}::date,
        ${request.keys.map((key) => key.recordClass)}::text[], ${request.keys.map((key) => key.keyText)}::text[],
        ${request.subjects.map((subject) => subject.kind)}::text[], ${request.subjects.map((subject) => subject.subject)}::text[])`;
  return {
    holdNo: Number(row?.hold_no),
    version: Number(row?.version),
    placedAt: row?.placed ?? '',
    effectiveAt: row?.effective ?? '',
  };
}

async function listHolds(sql: Sql, holdNo: number | undefined): Promise<HoldRow[]> {
  return sql<HoldRow[]>`
    select h.hold_no, h.matter_id, h.reason, h.because, h.placed_by, ${sql.unsafe(UTC('h.placed_at'))} as placed_at,
           ${sql.unsafe(UTC('h.effective_at'))} as effective_at,
           ${sql.unsafe(UTC('h.frozen_at'))} as frozen_at, h.review_on::text as review_on,
           ${sql.unsafe(UTC('h.released_at'))} as released_at, h.released_by,
           coalesce((select json_agg(json_build_object('record_class', k.record_class, 'key_text', k.key_text))
              from retain_guard.hold_key k where k.hold_no = h.hold_no), '[]') as keys,
           coalesce((select json_agg(json_build_object('subject_kind', s.subject_kind, 'subject', s.subject))
              from retain_guard.hold_subject s where s.hold_no = h.hold_no), '[]') as subjects
      from retain_guard.hold h
     where ${holdNo ?? null}::bigint is null or h.hold_no = ${holdNo ?? null}::bigint
     order by h.hold_no`;
}
