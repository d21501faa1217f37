/** What a store has that the log does not tell of. */
import {
  type OddLane,
  oddLanes,
  type StoredBatch,
  type StoredEvent,
  storedBatches,
  storedEvents,
  TOLD_TABLES,
  type ToldTable,
  type UntoldRow,
  untoldRows,
} from '../../../stores/postgres/audit-leftovers.ts';
import { type DatabaseFinding, type FoundWhere, found, unsequenced } from './findings.ts';
import { excess } from './rows.ts';
import { planned, type StoreInLog, signers, staged, state } from './store-state.ts';

type Finds = AsyncGenerator<DatabaseFinding>;

interface Leftovers extends StoreInLog {
  /** Entries that were compared: what has a higher index was appended since. */
  readonly size: number;
}

export async function* compareLeftovers(leftovers: Leftovers): Finds {
  const { comparison, connection, ends, source } = leftovers;
  const { sql, store } = connection;
  const after = ends.sources.get(source)?.n ?? 0;
  if (!comparison.damage.unread.has('control retain.log_seq')) {
    yield* reading(leftovers, ['batch', 'batch_sealed'], batches(leftovers));
    const stored = storedEvents(sql, store, after);
    yield* reading(leftovers, ['event'], events(leftovers, stored, after));
  }
  yield* reading(leftovers, ['lane', 'batch', 'step'], lanes(leftovers, oddLanes(sql, store)));
  for (const table of TOLD_TABLES) {
    const rows = untoldRows(sql, store, table);
    yield* reading(leftovers, [table, 'event'], untold(leftovers, table, rows));
  }
  yield* reading(leftovers, ['installation', 'event_state'], state(leftovers));
  yield* reading(leftovers, ['batch_staged', 'batch', 'batch_sealed'], staged(leftovers));
  yield* reading(leftovers, ['planned', 'step'], planned(leftovers));
  yield* reading(leftovers, ['revoked_signer'], signers(leftovers));
}

/** Nothing, when one of the tables is known to be unreadable; finding that out ends this part only. */
async function* reading(
  { comparison, source }: Leftovers,
  tables: readonly [string, ...string[]],
  findings: Finds,
): Finds {
  const { read, damage } = comparison;
  if (tables.some((table) => damage.unread.has(`${source} retain_guard.${table}`))) return;
  for (;;) {
    const next = await read(source, `retain_guard.${tables[0]}`, () => findings.next());
    yield* comparison.take();
    if (next === undefined || next.done === true) return;
    yield next.value;
  }
}

/** Every batch of the store has its place in the log, and the store knows which. */
async function* batches(leftovers: Leftovers): Finds {
  const { comparison, connection, source, ends, size } = leftovers;
  const { misplaced, stray } = comparison.damage;
  let inLog = 0;
  for await (const chunk of storedBatches(connection.sql, connection.store)) {
    const indexes = await comparison.retain.control.ledger.indexesOf(
      chunk.map(({ batch }) => batch),
    );
    for (const stored of chunk) {
      const index = stray.has(stored.batch) ? undefined : indexes.get(stored.batch);
      const isInLog = misplaced.has(stored.batch) || (index !== undefined && index < size);
      // A seal whose batch is gone has no run.
      if (isInLog && stored.run !== null) inLog += 1;
      if (!misplaced.has(stored.batch)) yield* batchFindings(source, stored, index, size);
    }
  }
  const published = ends.batches.get(source) ?? 0;
  if (inLog < published) {
    const message = `retain_guard.batch has ${inLog} of the ${published} batches of ${source} in the log.`;
    yield found('E_DB_COUNT', message, { source, table: 'retain_guard.batch' });
  }
}

function* batchFindings(
  source: string,
  { batch, run, sealed, index: noted, seconds }: StoredBatch,
  index: number | undefined,
  size: number,
): Generator<DatabaseFinding> {
  const where = {
    ...{
      source,
      table: sealed ? 'retain_guard.batch_sealed' : 'retain_guard.batch',
      row: batch,
      batch,
    },
    ...(run !== null && { run }),
  };
  const finding = indexFinding({ noted, index, seconds, size }, where);
  // A published batch without its seal was missed before.
  if (finding !== undefined && (sealed || index === undefined)) yield finding;
}

interface Indexed {
  /** What the store has noted. */
  readonly noted: string | null;
  /** Where the log has it. */
  readonly index: number | undefined;
  readonly seconds: number;
  readonly size: number;
}

/** Up to `size` a noted index was compared before. */
function indexFinding(
  { noted, index, seconds, size }: Indexed,
  where: FoundWhere,
): DatabaseFinding | undefined {
  const { table, row = '' } = where;
  if (index === undefined && noted !== null) return excess(where, row);
  if (index === undefined) return unsequenced({ ...where, row }, seconds);
  const isOther = index < size ? noted === null : noted !== null && Number(noted) !== index;
  if (!isOther) return undefined;
  const message = `${table} ${row} does not say that it is entry ${index}.`;
  return found('E_DB_INDEX', message, { ...where, columns: ['first_index'], index });
}

/** Statements after those that were compared, and those before that have no index. */
async function* events(
  { comparison, source, size }: Leftovers,
  chunks: AsyncIterable<StoredEvent[]>,
  after: number,
): Finds {
  const where = { source, table: 'retain_guard.event' };
  let expected = after + 1;
  for await (const chunk of chunks) {
    const ns = chunk.map(({ n }) => Number(n));
    const logged = await comparison.retain.control.ledger.statementsOf(source, ns);
    for (const { n, index: noted, seconds } of chunk) {
      const index = logged.get(Number(n))?.firstIndex;
      const finding = indexFinding({ noted, index, seconds, size }, { ...where, row: n });
      if (finding !== undefined) yield finding;
      if (Number(n) <= after || finding?.code === 'E_DB_COUNT') continue;
      if (Number(n) > expected) {
        const row = `${expected} to ${Number(n) - 1}`;
        yield found('E_DB_MISSING', `${where.table} ${row}: none of them is there.`, {
          ...where,
          row,
        });
      }
      expected = Number(n) + 1;
    }
  }
}

/** A lane of a batch that was found to be wrong itself is not at fault. */
async function* lanes({ comparison, source }: Leftovers, chunks: AsyncIterable<OddLane[]>): Finds {
  for await (const chunk of chunks) {
    for (const odd of chunk) {
      const isExplained = comparison.damage.lanes.has(`${source} ${odd.lane}`);
      if (!odd.there || !isExplained) yield* laneFindings(source, odd);
    }
  }
}

function* laneFindings(source: string, odd: OddLane): Generator<DatabaseFinding> {
  const { lane: row, run, there, gap, seq, destroyed, picked } = odd;
  const where = { source, table: 'retain_guard.lane', row, run };
  const columns = [
    ...(seq ? ['seq'] : []),
    ...(destroyed ? ['destroyed'] : []),
    // What was destroyed is part of the sum.
    ...(picked && !destroyed ? ['picked'] : []),
  ];
  if (!there) {
    yield found('E_DB_MISSING', `retain_guard.lane ${row} is gone.`, where);
    return;
  }
  if (columns.length > 0) {
    const message = `retain_guard.lane ${row} does not fit its batches in ${columns.join(', ')}.`;
    yield found('E_DB_LANE', message, { ...where, columns });
  }
  if (gap) {
    const message = `A batch of lane ${row} is gone: their numbers have a gap.`;
    yield found('E_DB_MISSING', message, { ...where, table: 'retain_guard.batch' });
  }
}

/** Statements that tell of the end of a thing, by the column that says it ended. */
const ENDS: Readonly<Record<string, string>> = {
  'run.close': 'closed_at',
  'hold.release': 'released_at',
  'epoch.destroy': 'destroyed_at',
  'hold.freeze': 'frozen_at',
};

/** Runs that a recovery gave up are closed without a statement of their own: the recovery told of them. */
async function* untold(
  { comparison, restores, source }: Leftovers,
  name: ToldTable,
  chunks: AsyncIterable<UntoldRow[]>,
): Finds {
  for await (const chunk of chunks) {
    for (const { key, kind } of chunk) {
      if (kind === 'run.close' && restores.givenUp.has(key)) continue;
      if (comparison.damage.untold.has(`${source} ${kind} ${key}`)) continue;
      const where = { source, table: `retain_guard.${name}` };
      const column = ENDS[kind];
      if (column === undefined) {
        yield excess(where, key, `says what no ${kind} told`);
      } else {
        const message = `${where.table} ${key} was changed in ${column}: no ${kind} told of it.`;
        yield found('E_DB_ROW', message, { ...where, row: key, columns: [column] });
      }
    }
  }
}
