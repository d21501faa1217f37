/** What moves as the log grows: its head, the last statement of each source, the last header of each lane. */
import type { ControlEnds, ControlRow } from '../../../db/ledger-audit.ts';
import { sha256 } from '../../../ledger/hashing.ts';
import { type OpenTree, rootOf } from '../../../ledger/open-tree.ts';
import type { StatementOf } from '../../../ledger/statements.ts';
import type { Comparison } from './comparison.ts';
import { type DatabaseFinding, found } from './findings.ts';
import { isBatch, isTold, type Page, type Piece, sourceOf } from './piece.ts';
import { type ComparedTable, compareRows, type ExpectedRow, excess } from './rows.ts';

interface LaneEnd {
  readonly seq: number;
  readonly sha256: string;
  readonly index: number;
}

interface OpenRun {
  readonly source: string;
  /** By `step/lane`. */
  readonly lanes: Map<string, LaneEnd>;
}

interface GuardEnd {
  removed: boolean;
  version: number;
  /** Newest schedule version of a plan. */
  schedule: number;
  /** Version of the newest hold that was placed or released. */
  holds: bigint;
}

/** Where the entries read so far leave off. Memory is that of the runs that have not closed. */
export interface Ends {
  readonly sources: Map<string, { n: number; sha256: string; index: number }>;
  readonly open: Map<string, OpenRun>;
  /** What the guard of each source must know at least. */
  readonly guards: Map<string, GuardEnd>;
  /** Lanes of all runs. */
  lanes: number;
  /** Newest schedule version that was installed. */
  newestSchedule: number;
  /** Batches that each source must have. */
  readonly batches: Map<string, number>;
  /** Runs that closed in the page read last. */
  readonly closed: Map<string, OpenRun>;
}

const CONTROL = 'control';
const LANES: ComparedTable = {
  ...{ source: CONTROL, table: 'retain.log_lane', code: 'E_DB_TREE', closed: true },
};

export function noEnds(): Ends {
  return {
    ...{ sources: new Map(), open: new Map(), guards: new Map(), lanes: 0, newestSchedule: 0 },
    ...{ batches: new Map(), closed: new Map() },
  };
}

export function follow(ends: Ends, { pieces }: Page): void {
  ends.closed.clear();
  for (const piece of pieces) {
    const { statement, index } = piece;
    if (isTold(piece)) {
      ends.sources.set(piece.statement.source, {
        n: piece.statement.n,
        sha256: piece.sha256,
        index,
      });
    }
    if (isBatch(piece)) followBatch(ends, piece);
    followGuard(ends, piece);
    if (statement.kind === 'rule.version') {
      ends.newestSchedule = Math.max(ends.newestSchedule, statement.version);
    }
    if (statement.kind !== 'run.close') continue;
    const run = ends.open.get(statement.run);
    if (run !== undefined) ends.closed.set(statement.run, run);
    ends.open.delete(statement.run);
  }
}

/** Batches that their source has lost, as the log tells itself. */
export function forget({ batches }: Ends, lost: readonly Piece[]): void {
  for (const source of lost.map(sourceOf)) {
    batches.set(source, (batches.get(source) ?? 0) - 1);
  }
}

function followBatch(ends: Ends, piece: Piece<StatementOf<'batch'>>): void {
  const { run: runId, step, lane, seq } = piece.statement;
  const source = sourceOf(piece);
  const run = ends.open.get(runId) ?? { source, lanes: new Map<string, LaneEnd>() };
  const name = `${step}/${lane}`;
  if (!run.lanes.has(name)) ends.lanes += 1;
  run.lanes.set(name, { seq, sha256: piece.sha256, index: piece.index });
  ends.open.set(runId, run);
  ends.batches.set(source, (ends.batches.get(source) ?? 0) + 1);
}

function followGuard(ends: Ends, piece: Piece): void {
  const source = sourceOf(piece);
  const { statement } = piece;
  const guard = ends.guards.get(source) ?? { removed: false, version: 0, schedule: 0, holds: 0n };
  switch (statement.kind) {
    case 'guard.install':
    case 'guard.remove':
      guard.removed = statement.kind === 'guard.remove';
      guard.version = statement.guard_version;
      break;
    case 'plan':
      guard.schedule = Math.max(guard.schedule, statement.schedule_version);
      break;
    case 'hold.place':
    case 'hold.release':
      guard.holds = BigInt(statement.version);
      break;
    default:
      return;
  }
  ends.guards.set(source, guard);
}

/** The lanes of the runs that closed in the last page: nothing of them moves any more. */
export async function compareClosedLanes(
  { control, read }: Comparison,
  { closed }: Ends,
): Promise<DatabaseFinding[]> {
  const findings: DatabaseFinding[] = [];
  for (const source of new Set([...closed.values()].map((run) => run.source))) {
    const runs = new Map([...closed].filter(([, run]) => run.source === source));
    const rows = await read(CONTROL, LANES.table, () => control.lanes(source, [...runs.keys()]));
    if (rows !== undefined) findings.push(...compareRows(LANES, laneRows(runs), rows, undefined));
  }
  return findings;
}

function laneRows(runs: ReadonlyMap<string, OpenRun>): ExpectedRow[] {
  return [...runs].flatMap(([run, { source, lanes }]) =>
    [...lanes].map(([name, end]) => ({
      ...{ key: `${source} ${run}/${name}`, place: { index: end.index, run } },
      columns: { seq: String(end.seq), header_sha256: end.sha256 },
    })),
  );
}

/** Everything of one snapshot, whose tree is exactly the one that was computed. */
export function compareEnds(
  now: ControlEnds,
  ends: Ends,
  origin: string,
  tree: OpenTree,
): DatabaseFinding[] {
  const head: ExpectedRow = {
    ...{ key: 'the head', place: {} },
    columns: {
      ...{ origin, size: String(tree.size), root: rootOf(tree).toString('hex') },
      open: sha256(...tree.open).toString('hex'),
    },
  };
  const sources = [...ends.sources].map(([key, { n, sha256: entry, index }]) => ({
    ...{ key, place: { index }, columns: { n: String(n), entry_sha256: entry } },
  }));
  const tables: readonly [string, readonly ExpectedRow[], readonly ControlRow[]][] = [
    ['retain.log_state', [head], now.state],
    ['retain.log_source', sources, now.sources],
    [LANES.table, laneRows(ends.open), now.lanes],
  ];
  return [
    ...tables.flatMap(([table, expected, rows]) =>
      compareRows({ ...LANES, table }, expected, rows, undefined),
    ),
    ...now.outside.map(({ table, key }) => excess({ source: CONTROL, table }, key)),
    ...(now.laneCount > ends.lanes ? [tooManyLanes(now.laneCount, ends.lanes)] : []),
  ];
}

/** Those that the log tells of were looked for one by one. */
function tooManyLanes(there: number, told: number): DatabaseFinding {
  const { source, table } = LANES;
  return found('E_DB_COUNT', `${table} has ${there} lanes; the log tells of ${told}.`, {
    source,
    table,
  });
}
