/** What a governed store has that nobody asked for by name: everything that is to be found in the log. */
import type { Row, Sql } from 'postgres';
import { storeError } from './driver-error.ts';

const ROWS_AT_ONCE = 1_000;

/** A committed batch, sealed or not; a seal whose batch is gone counts as one. */
export interface StoredBatch {
  readonly batch: string;
  readonly run: string | null;
  readonly sealed: boolean;
  readonly index: string | null;
  /** Since it was executed, by the store's clock. */
  readonly seconds: number;
}

export interface StoredEvent {
  readonly n: string;
  readonly index: string | null;
  /** Since it was told, by the store's clock. */
  readonly seconds: number;
}

/** A lane whose totals are not those of its batches; nulls where the lane itself is gone. */
export interface OddLane {
  /** `run/step/lane`. */
  readonly lane: string;
  readonly run: string;
  readonly there: boolean;
  /** Numbers of batches are missing between the first and the last. */
  readonly gap: boolean;
  /** The last batch has another number than the lane. */
  readonly seq: boolean;
  readonly destroyed: boolean;
  /** What was picked is not the sum of what became of it. */
  readonly picked: boolean;
}

/** A row that says something happened of which the store has told nothing. */
export interface UntoldRow {
  readonly key: string;
  /** Kind of the statement that is missing. */
  readonly kind: string;
}

/** In chunks of one snapshot, in no order. */
export function storedBatches(sql: Sql, store: string): AsyncGenerator<StoredBatch[]> {
  return chunks(
    store,
    () => sql<StoredBatch[]>`
    select b.batch_id::text as batch, b.run_id::text as run, s.batch_id is not null as sealed,
           s.first_index::text as index,
           extract(epoch from clock_timestamp() - b.executed_at)::float8 as seconds
      from retain_guard.batch b left join retain_guard.batch_sealed s using (batch_id)
    union all
    select s.batch_id::text, null, true, s.first_index::text,
           extract(epoch from clock_timestamp() - s.sealed_at)::float8
      from retain_guard.batch_sealed s
     where not exists (select from retain_guard.batch b where b.batch_id = s.batch_id)`,
  );
}

/** Statements after number `after`, and those up to it without an index, in their order. */
export function storedEvents(
  sql: Sql,
  store: string,
  after: number,
): AsyncGenerator<StoredEvent[]> {
  return chunks(
    store,
    () => sql<StoredEvent[]>`
    select event_no::text as n, first_index::text as index,
           extract(epoch from clock_timestamp() - at)::float8 as seconds
      from retain_guard.event where event_no > ${String(after)}::bigint or first_index is null
     order by event_no`,
  );
}

/** One statement, so that lanes and batches are of one snapshot. */
export function oddLanes(sql: Sql, store: string): AsyncGenerator<OddLane[]> {
  return chunks(
    store,
    () => sql<OddLane[]>`
    with done as (
      select run_id, step_no, lane_no, count(*) as batches, max(seq) as last, sum(destroyed) as destroyed
        from retain_guard.batch group by run_id, step_no, lane_no
    ), compared as (
      select run_id, run_id || '/' || step_no || '/' || lane_no as lane, l.fence is not null as there,
             coalesce(d.batches <> d.last, false) as gap,
             coalesce(l.seq, 0) <> coalesce(d.last, 0) as seq,
             coalesce(l.destroyed, 0) <> coalesce(d.destroyed, 0) as destroyed,
             coalesce(l.picked <> l.destroyed + l.held + l.blocked + l.changed + l.gone, false) as picked
        from retain_guard.lane l full join done d using (run_id, step_no, lane_no)
    )
    select lane, run_id::text as run, there, gap, seq, destroyed, picked from compared
     where not there or gap or seq or destroyed or picked
    union all
    select s.run_id || '/' || s.step_no || '/' || n.lane_no, s.run_id::text, false, false, false, false, false
      from (select s.run_id, s.step_no, greatest(max(l.lane_no), 1) as lanes
              from retain_guard.step s left join retain_guard.lane l using (run_id, step_no)
             group by s.run_id, s.step_no) s
     cross join lateral generate_series(1, s.lanes) as n(lane_no)
     where not exists (select from retain_guard.lane l
                        where l.run_id = s.run_id and l.step_no = s.step_no and l.lane_no = n.lane_no)
       and not exists (select from done d
                        where d.run_id = s.run_id and d.step_no = s.step_no and d.lane_no = n.lane_no)`,
  );
}

/** Tables whose rows are told of, and the kinds that tell: of the row, and of its end. */
const THINGS = {
  plan: `select run_id::text as key, 'plan' as kind from retain_guard.plan`,
  step: `select distinct run_id::text as key, 'plan' as kind from retain_guard.step`,
  decision: `select run_id::text as key, 'approval' as kind from retain_guard.decision`,
  run: `
    select run_id::text as key, 'run.open' as kind from retain_guard.run
    union all
    select r.run_id::text, 'run.close' from retain_guard.run r
     where r.closed_at is not null
       and exists (select from told t where t.kind = 'run.open' and t.key = r.run_id::text)`,
  hold: `
    select hold_no::text as key, 'hold.place' as kind from retain_guard.hold
    union all
    select h.hold_no::text, 'hold.release' from retain_guard.hold h
     where h.released_at is not null
       and exists (select from told t where t.kind = 'hold.place' and t.key = h.hold_no::text)
    union all
    select h.hold_no::text, 'hold.freeze' from retain_guard.hold h
     where h.frozen_at is not null
       and exists (select from told t where t.kind = 'hold.place' and t.key = h.hold_no::text)`,
  key_epoch: `
    select key_epoch as key, 'epoch.open' as kind from retain_guard.key_epoch
    union all
    select e.key_epoch, 'epoch.destroy' from retain_guard.key_epoch e
     where e.destroyed_at is not null
       and exists (select from told t where t.kind = 'epoch.open' and t.key = e.key_epoch)`,
} as const;

export type ToldTable = keyof typeof THINGS;
// Object.keys forgets which names there are.
export const TOLD_TABLES = Object.keys(THINGS) as readonly ToldTable[];

/** One statement: a thing and its telling are of one transaction, so one snapshot has both or neither. */
export function untoldRows(sql: Sql, store: string, table: ToldTable): AsyncGenerator<UntoldRow[]> {
  return chunks(store, () =>
    sql.unsafe<UntoldRow[]>(`
      with told as (
        select kind, coalesce(body ->> 'run', body ->> 'hold', body ->> 'epoch') as key
          from retain_guard.event
      ), things as (${THINGS[table]})
      select key, kind from things
       where not exists (select from told where told.kind = things.kind and told.key = things.key)`),
  );
}

async function* chunks<T extends Row>(
  store: string,
  query: () => { cursor(rows: number): AsyncIterable<T[]> },
): AsyncGenerator<T[]> {
  try {
    yield* query().cursor(ROWS_AT_ONCE);
  } catch (error) {
    throw storeError(error, store);
  }
}
