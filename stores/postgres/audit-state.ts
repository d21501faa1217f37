/** What a governed store has that is there for a while only, or once: for comparing with the log. Reads only. */
import type { Row, Sql } from 'postgres';
import { asStore } from './driver-error.ts';

/** What a store has to say of itself. */
export interface GuardState {
  readonly store: string | null;
  readonly version: string | null;
  readonly schedule: string | null;
  readonly holds: string | null;
  /** Up to which number it was fitted to the log after a restore. */
  readonly resumed: string | null;
}

/** Keys in the clear where none must be any more, or of another batch than they say. */
export interface OddStaged {
  readonly batch: string;
  /** Its batch is gone. */
  readonly stray: boolean;
  /** Its batch is sealed. */
  readonly sealed: boolean;
  /** Names of the columns that are not those of its batch. */
  readonly columns: readonly string[];
}

/** A worker key that nothing is sealed with any more. */
export interface RevokedSigner {
  readonly name: string;
  /** Since the store was told, by its clock. */
  readonly seconds: number;
}

export async function guardState(sql: Sql, store: string): Promise<GuardState> {
  return asStore(store, async () => {
    const [row] = await sql<GuardState[]>`
      select (select min(store) from retain_guard.installation) as store,
             (select min(version)::text from retain_guard.installation) as version,
             (select min(version)::text from retain_guard.schedule_in_force) as schedule,
             (select min(version)::text from retain_guard.hold_state) as holds,
             (select min(resumed_after)::text from retain_guard.event_state) as resumed`;
    return row ?? { store: null, version: null, schedule: null, holds: null, resumed: null };
  });
}

/** The keys themselves are not read. A batch is there with its keys or with its seal: one commit swaps them. */
export async function oddStaged(sql: Sql, store: string): Promise<OddStaged[]> {
  return asStore(store, async () => [
    ...(await sql<OddStaged[]>`
      select s.batch_id::text as batch, b.batch_id is null as stray, x.batch_id is not null as sealed,
             array_remove(array[
               case when s.run_id <> b.run_id then 'run_id' end, case when s.step_no <> b.step_no then 'step_no' end,
               case when s.lane_no <> b.lane_no then 'lane_no' end,
               case when s.executed_at <> b.executed_at then 'executed_at' end], null) as columns
        from retain_guard.batch_staged s
        left join retain_guard.batch b using (batch_id) left join retain_guard.batch_sealed x using (batch_id)
       where b.batch_id is null or x.batch_id is not null
          or (s.run_id, s.step_no, s.lane_no, s.executed_at) <> (b.run_id, b.step_no, b.lane_no, b.executed_at)`),
  ]);
}

/** Steps (`run/step`) that have planned keys and are in no plan, or whose run is over. */
export async function strayPlanned(sql: Sql, store: string): Promise<string[]> {
  return stepsOf(
    store,
    () => sql`
    select p.run_id || '/' || p.step_no as step from (select distinct run_id, step_no from retain_guard.planned) p
      left join retain_guard.step s using (run_id, step_no) left join retain_guard.run r using (run_id)
     where s.run_id is null or r.closed_at is not null`,
  );
}

/**
 * Steps (`run/step`) whose planned keys are not those that the document names: of open runs, and of plans that
 * have any and were never begun. No key is read. Needs an installed guard.
 */
export async function changedPlanned(sql: Sql, store: string): Promise<string[]> {
  return stepsOf(
    store,
    () => sql`
    select s.run_id || '/' || s.step_no as step
      from retain_guard.step s join retain_guard.plan p using (run_id) left join retain_guard.run r using (run_id)
     where r.closed_at is null
       and (r.run_id is not null or exists (select from retain_guard.planned k
                                             where k.run_id = s.run_id and k.step_no = s.step_no))
       and retain_guard.planned_sha256(s.run_id, s.step_no) is distinct from (
             select d.sha256[1]
               from regexp_matches(p.document, '"plannedKeysSha256":(?:"([0-9a-f]{64})"|null)', 'g')
                 with ordinality as d(sha256, no) where d.no = s.step_no)`,
  );
}

async function stepsOf(store: string, query: () => Promise<readonly Row[]>): Promise<string[]> {
  return asStore(store, async () => (await query()).map((row) => String(row['step'])));
}

export async function revokedSigners(sql: Sql, store: string): Promise<RevokedSigner[]> {
  return asStore(store, async () => [
    ...(await sql<RevokedSigner[]>`
      select name, extract(epoch from clock_timestamp() - at)::float8 as seconds from retain_guard.revoked_signer`),
  ]);
}
