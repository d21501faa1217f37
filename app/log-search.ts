/** Searching the log: batches by class, rule, run, time and action, page by page. */
import { createHash } from 'node:crypto';
import { startOfDay } from '../domain/calendar.ts';
import { addDays, parseCalendarDate } from '../domain/civil.ts';
import { RetentionError } from '../domain/errors.ts';
import { type Instant, instant } from '../domain/instant.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import { type Retain, runNamed, scheduleInForce, storeNamed, withStore } from './context.ts';
import { type LogBatch, readBatches } from './destroyed-records.ts';

export const LARGEST_PAGE = 200;

export interface LogQuery {
  readonly store?: string;
  readonly recordClass?: string;
  readonly rule?: string;
  /** Id or short id of a run. */
  readonly run?: string;
  /** RFC 3339: at or after; or a civil day of the organisation: from its start on. */
  readonly since?: string;
  /** RFC 3339: before; or a civil day of the organisation: through its end. */
  readonly until?: string;
  readonly action?: 'delete' | 'anonymise' | 'reduce';
  readonly limit: number;
  /** `nextCursor` of the page before; good for the same filter only. */
  readonly cursor?: string;
}

export interface LogPage {
  readonly store: string;
  readonly zone: string;
  readonly batches: readonly LogBatch[];
  /** Absent on the last page. */
  readonly nextCursor?: string;
}

interface Cursor {
  readonly at: string;
  readonly batch: string;
  readonly filter: string;
}

/** One page of the log of one store, newest first. `USAGE` for a cursor of another search. */
export async function searchLog(retain: Retain, query: LogQuery): Promise<LogPage> {
  const { schedule } = await scheduleInForce(retain);
  const store = storeNamed(schedule, query.store);
  if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > LARGEST_PAGE) {
    throw new RetentionError('USAGE', `A page has 1 to ${LARGEST_PAGE} entries.`);
  }
  const run = query.run === undefined ? undefined : (await runNamed(retain, query.run)).runId;
  const { limit, cursor, ...filters } = query;
  const filter = filterHash({ ...filters, store: store.id, run });
  const after = cursor === undefined ? undefined : readCursor(cursor, filter);
  return withStore(retain, store, 'retain_app', async (connection) => {
    const { sql } = connection;
    const since = bound(schedule.timezone, query.since, 0);
    const until = bound(schedule.timezone, query.until, 1);
    const ids = await asStore(
      store.id,
      () => sql<{ batch: string; at: string }[]>`
      select batch_id as batch, to_char(executed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
        from retain_guard.batch
       where true
         ${query.recordClass === undefined ? sql`` : sql`and record_class = ${query.recordClass}`}
         ${query.rule === undefined ? sql`` : sql`and rule_id = ${query.rule}`}
         ${run === undefined ? sql`` : sql`and run_id = ${run}`}
         ${query.action === undefined ? sql`` : sql`and action = ${query.action}`}
         ${since === null ? sql`` : sql`and executed_at >= ${since}::text::timestamptz`}
         ${until === null ? sql`` : sql`and executed_at < ${until}::text::timestamptz`}
         ${after === undefined ? sql`` : sql`and (executed_at, batch_id) < (${after.at}::text::timestamptz, ${after.batch}::uuid)`}
       order by executed_at desc, batch_id desc limit ${limit + 1}`,
    );
    const page = ids.slice(0, limit);
    const known = await readBatches(
      connection,
      page.map(({ batch }) => batch),
    );
    const last = ids.length > limit ? page.at(-1) : undefined;
    return {
      store: store.id,
      zone: schedule.timezone,
      batches: page.flatMap(({ batch }) => known.get(batch) ?? []),
      ...(last && { nextCursor: writeCursor({ ...last, filter }) }),
    };
  });
}

function bound(zone: string, text: string | undefined, daysLater: number): Instant | null {
  if (text === undefined) return null;
  const day = parseCalendarDate(text);
  return day === undefined ? instant(text) : startOfDay(zone, addDays(day, daysLater));
}

function filterHash(filters: Readonly<Record<string, string | undefined>>): string {
  const entries = Object.entries(filters).filter(([, value]) => value !== undefined);
  return createHash('sha256').update(JSON.stringify(entries.sort())).digest('hex').slice(0, 16);
}

function writeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

function readCursor(text: string, filter: string): Cursor {
  const cursor = parsed(text);
  if (cursor?.filter === filter && /^[0-9a-f-]{36}$/.test(cursor.batch)) {
    return { ...cursor, at: instant(cursor.at) };
  }
  throw new RetentionError('USAGE', 'The cursor belongs to another search. Search from the start.');
}

function parsed(text: string): Cursor | undefined {
  try {
    const value = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Partial<Cursor>;
    const { at, batch, filter } = value;
    return typeof at === 'string' && typeof batch === 'string' && typeof filter === 'string'
      ? { at, batch, filter }
      : undefined;
  } catch {
    return undefined;
  }
}
