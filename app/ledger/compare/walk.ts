/** The log, page by page, against every row that tells of it. */
import { EMPTY_TREE, type OpenTree } from '../../../ledger/open-tree.ts';
import { instantOf } from '../../../ledger/verify/said.ts';
import type { Replay } from '../../../ledger/verify/verify-log.ts';
import { type LostTally, lostTally } from '../lost-batches.ts';
import type { Comparison } from './comparison.ts';
import { compareControlPage } from './control-page.ts';
import { compareClosedLanes, compareEnds, type Ends, follow, forget, noEnds } from './ends.ts';
import { type DatabaseFinding, found } from './findings.ts';
import { compareKept } from './kept-rows.ts';
import { type NamedKeys, namedKeys } from './named-keys.ts';
import { type Page, type Piece, pagesOf, sourceOf } from './piece.ts';
import { comparePlaces, compareTree } from './places.ts';
import { type Restores, restoresOf } from './restores.ts';
import { compareStorePage } from './store-page.ts';
import { tailParts } from './tail.ts';

export interface Walk {
  readonly comparison: Comparison;
  readonly restores: Restores;
  readonly origin: string;
  readonly ends: Ends;
  readonly keys: NamedKeys;
  /** Batches that are kept beside the tree because their store lost them. */
  readonly kept: LostTally;
  /** Of the pages so far. */
  tree: OpenTree;
}

type Finds = AsyncGenerator<DatabaseFinding>;

const CONTROL = 'control';
/** What is appended shall be published within a minute, and no clock shall be a minute ahead of another. */
const LATEST_MS = 60_000;
const TRIES = 20;

/** `replays`: those of the published log, which was verified. */
export function beginWalk(
  comparison: Comparison,
  origin: string,
  replays: readonly Replay[],
): Walk {
  return {
    ...{ comparison, origin, restores: restoresOf(replays), ends: noEnds(), tree: EMPTY_TREE },
    ...{ keys: namedKeys(), kept: lostTally() },
  };
}

/** A page of the published log, which was verified: from here on the keys that it names are known. */
export function comparePublished(walk: Walk, page: Page): Finds {
  for (const piece of page.pieces) walk.keys.hear(piece);
  return comparePage(walk, page);
}

async function* comparePage(walk: Walk, page: Page): Finds {
  const { comparison, restores, ends, keys, kept, origin } = walk;
  restores.follow(page);
  yield* await comparePlaces(comparison, page);
  const log = { origin, keys: keys.log, tree: walk.tree };
  const { tree, findings } = await compareTree(comparison, log, page);
  walk.tree = tree;
  yield* findings;
  follow(ends, page, restores);
  yield* await compareClosedLanes(comparison, ends);
  yield* await compareControlPage(comparison, restores, page);
  const excused = await compareKept(comparison, restores, page, kept);
  yield* excused.findings;
  forget(ends, excused.pieces);
  const stores = new Set(page.pieces.map(sourceOf).filter((source) => source !== CONTROL));
  for (const source of stores) {
    const pieces = page.pieces.filter((piece) => sourceOf(piece) === source);
    yield* await compareStorePage(comparison, source, pieces, excused.pieces);
  }
  yield* comparison.take();
}

/**
 * What was appended since the copy was published, and the head that the control database has for all of it.
 * The log may grow meanwhile: the head is compared as soon as nothing was appended in between.
 */
export async function* compareHead(walk: Walk, onSkipped: (what: string) => void): Finds {
  const { comparison, ends, origin, keys } = walk;
  const published = walk.tree.size;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const now = await comparison.read(CONTROL, 'retain.log_state', () =>
      comparison.control.ends([...ends.open.keys()], walk.tree.size),
    );
    yield* comparison.take();
    if (now === undefined) return;
    const before = { size: walk.tree.size, chains: ends, keys };
    let broken: DatabaseFinding | undefined;
    const to = Number(now.state[0]?.['size'] ?? 0);
    const parts = tailParts(comparison, before, to, (finding) => {
      broken = finding;
    });
    for await (const page of pagesOf(parts, before.size)) {
      yield* aheadFindings(page, now.now, published);
      yield* comparePage(walk, page);
    }
    yield* comparison.take();
    if (broken !== undefined) {
      yield broken;
      return;
    }
    if (walk.tree.size > before.size) continue;
    yield* compareEnds(now, ends, origin, walk.tree);
    return;
  }
  onSkipped('The head of the tree: the log grew while it was compared, again and again.');
}

/** An entry that comes from a time ahead hides how long it has waited, and may be made up. */
function* aheadFindings(page: Page, now: string, published: number): Generator<DatabaseFinding> {
  const where = { source: CONTROL, table: 'retain.log_seq' };
  const oldest = page.from === published ? page.pieces[0] : undefined;
  if (oldest !== undefined && Date.parse(now) - toldAt(oldest) > LATEST_MS) {
    const message = `The databases have entries from ${published} on that this copy of the log does not have: publish, or name a newer copy.`;
    const row = String(published);
    yield found('E_DB_AHEAD', message, { ...where, row, index: published });
  }
  const early = page.pieces.find((piece) => toldAt(piece) - Date.parse(now) > LATEST_MS);
  if (early === undefined) return;
  const { index } = early;
  const message = `Entry ${index}, which is not published yet, is of a time ahead of the clock of the control database.`;
  yield found('E_DB_AHEAD', message, { ...where, row: String(index), index });
}

function toldAt({ statement }: Piece): number {
  return Date.parse(instantOf(statement));
}
