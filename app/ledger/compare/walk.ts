/** The log, page by page, against every row that tells of it. */
import { EMPTY_TREE, type OpenTree } from '../../../ledger/open-tree.ts';
import type { Comparison } from './comparison.ts';
import { compareControlPage } from './control-page.ts';
import { compareClosedLanes, compareEnds, type Ends, follow, forget, noEnds } from './ends.ts';
import { type DatabaseFinding, found } from './findings.ts';
import { isBatch, type Page, type Piece, pagesOf, sourceOf } from './piece.ts';
import { comparePlaces, compareTree } from './places.ts';
import { findRestores, type Restores } from './restores.ts';
import { compareRows } from './rows.ts';
import { compareStorePage } from './store-page.ts';
import { tailParts } from './tail.ts';

export interface Walk {
  readonly comparison: Comparison;
  readonly restores: Restores;
  readonly origin: string;
  readonly ends: Ends;
  /** Of the pages so far. */
  tree: OpenTree;
}

type Finds = AsyncGenerator<DatabaseFinding>;

const CONTROL = 'control';
/** What is appended shall be published within a minute. */
const LATEST_MS = 60_000;
const TRIES = 20;

export async function beginWalk(comparison: Comparison, origin: string): Promise<Walk> {
  const restores = await findRestores(comparison);
  return { comparison, restores, origin, ends: noEnds(), tree: EMPTY_TREE };
}

export async function* comparePage(walk: Walk, page: Page): Finds {
  const { comparison, restores, ends, origin } = walk;
  yield* await comparePlaces(comparison, page);
  const { tree, findings } = await compareTree(comparison, origin, walk.tree, page);
  walk.tree = tree;
  yield* findings;
  follow(ends, page);
  yield* await compareClosedLanes(comparison, ends);
  yield* await compareControlPage(comparison, restores, page);
  const excused = await excusedPieces(walk, page);
  forget(ends, [...excused].filter(isBatch));
  const stores = new Set(page.pieces.map(sourceOf).filter((source) => source !== CONTROL));
  for (const source of stores) {
    const pieces = page.pieces.filter((piece) => sourceOf(piece) === source && !excused.has(piece));
    yield* await compareStorePage(comparison, source, pieces);
  }
  yield* comparison.take();
}

/** What a store lost in a restore: statements, and batches whose bytes are kept beside the tree. */
async function excusedPieces({ comparison, restores }: Walk, page: Page): Promise<Set<Piece>> {
  const lost = page.pieces.filter((piece) => sourceOf(piece) !== CONTROL && restores.lost(piece));
  const batches = lost.filter(isBatch);
  const expected = batches.map(({ statement: { batch, items }, sha256 }) => ({
    ...{ key: batch, place: {}, columns: { header: sha256, refs: items.sha256 } },
  }));
  const table = { source: CONTROL, table: 'retain.log_kept', code: 'E_DB_ITEM' } as const;
  const rows = await comparison.read(CONTROL, table.table, () =>
    comparison.control.kept(expected.map(({ key }) => key)),
  );
  const notKept = new Set(
    compareRows(table, expected, rows ?? [], undefined).map(({ row }) => row),
  );
  return new Set(lost.filter((piece) => !(isBatch(piece) && notKept.has(piece.statement.batch))));
}

/**
 * What was appended since the copy was published, and the head that the control database has for all of it.
 * The log may grow meanwhile: the head is compared as soon as nothing was appended in between.
 */
export async function* compareHead(walk: Walk, onSkipped: (what: string) => void): Finds {
  const { comparison, ends, origin } = walk;
  const published = walk.tree.size;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const now = await comparison.read(CONTROL, 'retain.log_state', () =>
      comparison.control.ends([...ends.open.keys()], walk.tree.size),
    );
    yield* comparison.take();
    if (now === undefined) return;
    const before = walk.tree.size;
    let broken: DatabaseFinding | undefined;
    const parts = tailParts(comparison, before, Number(now.state[0]?.['size'] ?? 0), (finding) => {
      broken = finding;
    });
    for await (const page of pagesOf(parts, before)) {
      if (page.from === published) yield* aheadFindings(page, now.now, published);
      yield* comparePage(walk, page);
    }
    yield* comparison.take();
    if (broken !== undefined) {
      yield broken;
      return;
    }
    if (walk.tree.size > before) continue;
    yield* compareEnds(now, ends, origin, walk.tree);
    return;
  }
  onSkipped('The head of the tree: the log grew while it was compared, again and again.');
}

function* aheadFindings(page: Page, now: string, published: number): Generator<DatabaseFinding> {
  const [first] = page.pieces;
  if (first === undefined || Date.parse(now) - instantOf(first) <= LATEST_MS) return;
  const message = `The databases have entries from ${published} on that this copy of the log does not have: publish, or name a newer copy.`;
  yield found('E_DB_AHEAD', message, {
    ...{ source: CONTROL, table: 'retain.log_seq', row: String(published), index: published },
  });
}

function instantOf({ statement }: Piece): number {
  switch (statement.kind) {
    case 'batch':
      return Date.parse(statement.executed_at);
    case 'genesis':
      return Date.parse(statement.created_at);
    default:
      return Date.parse(statement.at);
  }
}
