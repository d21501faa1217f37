/** What moves as the log grows: its head, the last statement of each source, the last header of each lane. */
import type { ControlEnds, ControlRow } from '../../../db/ledger-audit.ts';
import { sha256 } from '../../../ledger/hashing.ts';
import { type OpenTree, rootOf } from '../../../ledger/open-tree.ts';
import { laneName } from '../../../ledger/order.ts';
import { type Chains, extendChains, type OpenRun } from './chains.ts';
import type { Comparison } from './comparison.ts';
import { type DatabaseFinding, found } from './findings.ts';
import { isBatch, type Page, type Piece, sourceOf } from './piece.ts';
import type { Restores } from './restores.ts';
import { type ComparedTable, compareRows, type ExpectedRow, excess } from './rows.ts';

interface GuardEnd {
  removed: boolean;
  version: number;
  /** Newest schedule version of a plan. */
  schedule: number;
  /** Version of the newest hold that was placed or released. */
  holds: bigint;
}

/** Where the entries read so far leave off. Memory is that of the runs that have not closed, and ids of runs. */
export interface Ends extends Chains {
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
  /** Runs that were planned. */
  readonly planned: Set<string>;
}

const CONTROL = 'control';
const LANES: ComparedTable = {
  ...{ source: CONTROL, table: 'retain.log_lane', code: 'E_DB_TREE', closed: true },
};

export function noEnds(): Ends {
  return {
    ...{ sources: new Map(), open: new Map(), guards: new Map(), lanes: 0, newestSchedule: 0 },
    ...{ batches: new Map(), closed: new Map(), planned: new Set() },
  };
}

export function follow(ends: Ends, { pieces }: Page, restores: Pick<Restores, 'lost'>): void {
  ends.closed.clear();
  for (const piece of pieces) {
    const { statement } = piece;
    const run = 'run' in statement ? ends.open.get(statement.run) : undefined;
    if (statement.kind === 'run.close' && run !== undefined) ends.closed.set(statement.run, run);
    if (statement.kind === 'batch') {
      if (run?.lanes.has(laneName(statement)) !== true) ends.lanes += 1;
      const source = sourceOf(piece);
      ends.batches.set(source, (ends.batches.get(source) ?? 0) + 1);
    }
    if (statement.kind === 'plan') ends.planned.add(statement.run);
    if (statement.kind === 'rule.version') {
      ends.newestSchedule = Math.max(ends.newestSchedule, statement.version);
    }
    followGuard(ends, piece, restores.lost(piece));
    extendChains(ends, piece);
  }
}

/** Batches that their source has lost, as the log tells itself. */
export function forget({ batches }: Ends, lost: Iterable<Piece>): void {
  for (const piece of lost) {
    if (!isBatch(piece)) continue;
    const source = sourceOf(piece);
    batches.set(source, (batches.get(source) ?? 0) - 1);
  }
}

/** A store that was set back knows no later plan and no later guard; its holds go on being counted. */
function followGuard(ends: Ends, piece: Piece, isLost: boolean): void {
  const source = sourceOf(piece);
  const { statement } = piece;
  const guard = ends.guards.get(source) ?? { removed: false, version: 0, schedule: 0, holds: 0n };
  if (isLost && !statement.kind.startsWith('hold.')) return;
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
