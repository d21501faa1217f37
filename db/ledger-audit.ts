/**
 * What the control database says of the log and of what the log tells of, row by row, as text: for
 * comparing. One query a table, so that a table that cannot be read is known by name. Reads only.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';

/** Every column as text; `key` names the row. */
export type ControlRow = { readonly key: string } & Readonly<Record<string, string | null>>;

/** Of one snapshot: everything that moves as the log grows. */
export interface ControlEnds {
  /** Clock of the control database, RFC 3339 UTC. */
  readonly now: string;
  readonly state: readonly ControlRow[];
  readonly sources: readonly ControlRow[];
  /** Last headers of the lanes of the runs asked for. */
  readonly lanes: readonly ControlRow[];
  /** Lanes of all runs. */
  readonly laneCount: number;
  /** By table: rows that speak of entries which there are not. */
  readonly outside: readonly { readonly table: string; readonly key: string }[];
}

export interface LedgerAudit {
  /** Rows of `log_seq` with a first index from `from` (inclusive) to `to` (exclusive). */
  places(from: number, to: number): Promise<ControlRow[]>;
  /** Full tiles of a level, by index, `to` exclusive. */
  tiles(level: number, from: number, to: number): Promise<ControlRow[]>;
  /** Stored checkpoints above `from` entries and up to `to`; `note` is the whole text. */
  checkpoints(from: number, to: number): Promise<ControlRow[]>;
  /** Stored timestamps, of the same sizes; `response` is hex. */
  timestamps(from: number, to: number): Promise<ControlRow[]>;
  /** Rows of the outbox by their index, `to` exclusive. */
  outbox(from: number, to: number): Promise<ControlRow[]>;
  /** Rows of the outbox without an index: their number, kind, and seconds since they were written. */
  waitingOutbox(): Promise<ControlRow[]>;
  scheduleVersions(versions: readonly number[]): Promise<ControlRow[]>;
  /** Schedule versions of which the outbox has told nothing. */
  untoldSchedules(): Promise<ControlRow[]>;
  runs(runIds: readonly string[]): Promise<ControlRow[]>;
  /** Rows of the index of runs in the order of their ids, after this one: a page of at most 1,000. */
  allRuns(after: string | undefined): Promise<ControlRow[]>;
  /** Last headers of the lanes of these runs of one source. */
  lanes(source: string, runIds: readonly string[]): Promise<ControlRow[]>;
  /** Batches that were kept beside the tree because their store lost them. */
  kept(batchIds: readonly string[]): Promise<ControlRow[]>;
  /** `size`: entries that the tree has at least. */
  ends(openRuns: readonly string[], size: number): Promise<ControlEnds>;
}

type Rows = Record<string, unknown>[] & ControlRow[];

const instant = (column: string): SQL =>
  sql.raw(`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`);
const LANES = sql`
  select source || ' ' || run_id || '/' || step || '/' || lane as key, seq::text as seq,
         encode(header_sha256, 'hex') as header_sha256
    from retain.log_lane`;
const SNAPSHOT = { isolationLevel: 'repeatable read', accessMode: 'read only' } as const;

/** Binds the questions to a connection; `ask` translates what the database refuses. */
export function ledgerAudit(
  db: PostgresJsDatabase,
  ask: <T>(work: () => Promise<T>) => Promise<T>,
): LedgerAudit {
  const rows = (query: SQL): Promise<ControlRow[]> =>
    ask(async () => [...(await db.execute<Rows[number]>(query))]);
  const among = async (values: readonly SQL[], query: (list: SQL) => SQL): Promise<ControlRow[]> =>
    values.length === 0 ? [] : rows(query(listOf(values)));
  return {
    places: (from, to) =>
      rows(sql`
        select first_index::text as key, leaves::text as leaves, source, kind, n::text as n,
               batch_id::text as batch_id, encode(sha256(entry), 'hex') as entry
          from retain.log_seq where first_index >= ${from} and first_index < ${to} order by first_index`),
    tiles: (level, from, to) =>
      rows(sql`
        select level || '/' || tile_index as key, encode(sha256(hashes), 'hex') as hashes
          from retain.log_tile where level = ${level} and tile_index >= ${from} and tile_index < ${to}`),
    checkpoints: (from, to) =>
      rows(sql`
        select size::text as key, note from retain.log_checkpoint where size > ${from} and size <= ${to}`),
    timestamps: (from, to) =>
      rows(sql`
        select size::text as key, note, encode(response, 'hex') as response
          from retain.log_timestamp where size > ${from} and size <= ${to}`),
    outbox: (from, to) => rows(outboxBetween(from, to)),
    waitingOutbox: () =>
      rows(sql`
        select no::text as key, kind, extract(epoch from clock_timestamp() - at)::text as seconds
          from retain.log_outbox where first_index is null order by no`),
    scheduleVersions: (versions) =>
      among(
        versions.map((version) => sql`${version}`),
        scheduleRows,
      ),
    untoldSchedules: () =>
      rows(sql`
        select v.version::text as key from retain.schedule_version v
         where not exists (select from retain.log_outbox o
                            where o.kind = 'rule.version' and o.body ->> 'version' = v.version::text)`),
    runs: (runIds) => among(uuids(runIds), runRows),
    allRuns: (after) =>
      rows(sql`
        select run_id::text as key, store from retain.run
         where ${after ?? null}::uuid is null or run_id > ${after ?? null}::uuid order by run_id limit 1000`),
    lanes: (source, runIds) =>
      among(
        uuids(runIds),
        (list) => sql`${LANES} where source = ${source} and run_id in (${list})`,
      ),
    kept: (batchIds) =>
      among(
        uuids(batchIds),
        (list) => sql`
        select batch_id::text as key, encode(sha256(header), 'hex') as header, encode(sha256(refs), 'hex') as refs
          from retain.log_kept where batch_id in (${list})`,
      ),
    ends: (openRuns, size) =>
      ask(() => db.transaction((tx) => endsIn(tx, openRuns, size), SNAPSHOT)),
  };
}

const outboxBetween = (from: number, to: number): SQL => sql`
  select first_index::text as key, kind, body::text as body, names::text as names, ${instant('at')} as at,
         encode(sha256(entry), 'hex') as entry
    from retain.log_outbox where first_index >= ${from} and first_index < ${to}`;

const scheduleRows = (list: SQL): SQL => sql`
  select version::text as key, sha256, encode(sha256(convert_to(document, 'UTF8')), 'hex') as document,
         installed_by, ${instant('installed_at')} as installed_at
    from retain.schedule_version where version in (${list})`;

const runRows = (list: SQL): SQL => sql`
  select run_id::text as key, store, schedule_version::text as schedule_version, requested_by, digest
    from retain.run where run_id in (${list})`;

async function endsIn(
  tx: Pick<PostgresJsDatabase, 'execute'>,
  openRuns: readonly string[],
  atLeast: number,
): Promise<ControlEnds> {
  const rows = async (query: SQL): Promise<ControlRow[]> => [
    ...(await tx.execute<Rows[number]>(query)),
  ];
  const state = await rows(sql`
    select 'the head' as key, origin, size::text as size, encode(root, 'hex') as root,
           encode(sha256(open), 'hex') as open from retain.log_state`);
  const size = Math.max(atLeast, Number(state[0]?.['size'] ?? 0));
  const [facts] = await rows(sql`
    select 'facts' as key, ${instant('clock_timestamp()')} as now,
           (select count(*)::text from retain.log_lane) as lanes`);
  const lanes =
    openRuns.length === 0
      ? []
      : await rows(sql`${LANES} where run_id in (${listOf(uuids(openRuns))})`);
  return {
    now: facts?.['now'] ?? '',
    state,
    sources: await rows(sql`
      select source as key, n::text as n, encode(entry_sha256, 'hex') as entry_sha256 from retain.log_source`),
    lanes,
    laneCount: Number(facts?.['lanes']),
    outside: (await rows(outsideOf(size))).map(({ key, table }) => ({
      key,
      table: table ?? '',
    })),
  };
}

/** A tile of level L is full once the tree has 256^(L+1) entries for it and each before it. */
const outsideOf = (size: number): SQL => sql`
  select 'retain.log_seq' as "table", first_index::text as key from retain.log_seq
   where first_index < 0 or first_index >= ${size}
  union all
  select 'retain.log_outbox', first_index::text from retain.log_outbox
   where first_index < 0 or first_index >= ${size}
  union all
  select 'retain.log_checkpoint', size::text from retain.log_checkpoint where size <= 0 or size > ${size}
  union all
  select 'retain.log_timestamp', size::text from retain.log_timestamp where size <= 0 or size > ${size}
  union all
  select 'retain.log_kept', batch_id::text from retain.log_kept k
   where not exists (select from retain.log_seq s where s.batch_id = k.batch_id)
  union all
  select 'retain.log_tile', level || '/' || tile_index from retain.log_tile
   where level < 1 or tile_index < 0
      or tile_index >= div(${size}::numeric, power(256::numeric, least(level, 60) + 1))`;

const uuids = (values: readonly string[]): SQL[] => values.map((value) => sql`${value}::uuid`);

const listOf = (values: readonly SQL[]): SQL => sql.join([...values], sql`, `);
