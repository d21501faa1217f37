/**
 * The databases against the published log, both ways: every entry has its rows, which say what it says, and
 * every row that could have been told has its entry. The log decides: it is signed, and they are not.
 */
import { RetentionError } from '../../domain/errors.ts';
import type { TreeHead } from '../../ledger/checkpoint.ts';
import { rootOf } from '../../ledger/open-tree.ts';
import type { LogSource } from '../../ledger/verify/log-source.ts';
import type { Replay } from '../../ledger/verify/verify-log.ts';
import type { Retain } from '../context.ts';
import { type Comparison, openComparison } from './compare/comparison.ts';
import type { Ends } from './compare/ends.ts';
import { type DatabaseFinding, unsequenced } from './compare/findings.ts';
import { compareGuard } from './compare/guard.ts';
import { comparePublishedHead } from './compare/heads.ts';
import { compareLacking } from './compare/kept-rows.ts';
import { compareLeftovers } from './compare/leftovers.ts';
import { pagesOf } from './compare/piece.ts';
import { comparePlannedRuns } from './compare/planned-runs.ts';
import { excess } from './compare/rows.ts';
import { beginWalk, compareHead, comparePublished, type Walk } from './compare/walk.ts';
import { publishedParts } from './published-log.ts';

/** A published log that was verified, and the head that it was verified under. */
export interface VerifiedLog {
  readonly source: LogSource;
  readonly head: Pick<TreeHead, 'origin' | 'size' | 'root'>;
  /** The restores that it tells of. */
  readonly replays: readonly Replay[];
}

export interface CompareOptions {
  /** Entries of the published log compared so far, of how many. */
  readonly onProgress?: (entries: number, size: number) => void;
  /** Hears what could not be compared, and why: one sentence each. */
  readonly onSkipped?: (what: string) => void;
}

type Finds = AsyncGenerator<DatabaseFinding>;

const CONTROL = 'control';

/**
 * Compares the control database and every store that the log names with a verified log, and answers each
 * difference as it is found. Changes nothing; needs no right but to read (role `retain_auditor`, or
 * `retain_app`). Workers may go on meanwhile: what is new is compared with the rows that are new. Memory is
 * that of a page of the log, of open runs, of damage, and 36 characters for each run. Throws `LEDGER_MALFORMED` when the published log is
 * not the one that was verified, and what databases that do not answer throw.
 */
export async function* compareDatabase(
  retain: Retain,
  log: VerifiedLog,
  options: CompareOptions = {},
): Finds {
  const seen = new Set<string>();
  for await (const finding of compareAll(retain, log, options)) {
    const { code, source, table, row = '', columns = [] } = finding;
    const name = [code, source, table, row, ...columns].join(' ');
    // Several statements may tell of one row.
    if (!seen.has(name)) yield finding;
    seen.add(name);
  }
}

async function* compareAll(
  retain: Retain,
  { source, head, replays }: VerifiedLog,
  { onProgress, onSkipped = () => undefined }: CompareOptions,
): Finds {
  const comparison = await openComparison(retain, onSkipped);
  try {
    const walk = beginWalk(comparison, head.origin, replays);
    for await (const page of pagesOf(publishedParts(source, head.size), 0)) {
      yield* comparePublished(walk, page);
      onProgress?.(page.to, head.size);
    }
    requireVerified(walk, head.root);
    yield* await comparePublishedHead(comparison, head.size);
    yield* compareHead(walk, onSkipped);
    yield* compareLacking(comparison, walk.restores, walk.kept);
    for (const name of sourcesOf(walk.ends)) yield* compareStore(walk, name, onSkipped);
    yield* compareControl(comparison);
    yield* comparePlannedRuns(comparison, walk.ends);
    yield* comparison.take();
  } finally {
    await comparison.end();
  }
}

/** A copy that changed since it was verified says nothing about the databases. */
function requireVerified({ tree }: Walk, root: Buffer): void {
  if (rootOf(tree).equals(root)) return;
  throw new RetentionError(
    'LEDGER_MALFORMED',
    'The published log is not the one that was verified: it changed meanwhile. Verify it again.',
  );
}

function sourcesOf({ sources, batches }: Ends): Set<string> {
  const names = new Set([...sources.keys(), ...batches.keys()]);
  names.delete(CONTROL);
  return names;
}

async function* compareStore(
  { comparison, restores, ends, keys, tree }: Walk,
  source: string,
  onSkipped: (what: string) => void,
): Finds {
  const connection = await comparison.store(source);
  yield* comparison.take();
  if (connection === undefined) return;
  if (ends.guards.get(source)?.removed !== true) {
    yield* await compareGuard(comparison, source, connection, onSkipped);
    yield* comparison.take();
  }
  const store = { comparison, restores, ends, keys, source, connection };
  yield* compareLeftovers({ ...store, size: tree.size });
}

/** Statements of the control database that wait, and schedule versions that it has told nothing of. */
async function* compareControl({ control, damage, read }: Comparison): Finds {
  const outbox = { source: CONTROL, table: 'retain.log_outbox' };
  const waiting = await read(CONTROL, outbox.table, () => control.waitingOutbox());
  for (const { key, seconds } of waiting ?? []) {
    const finding = unsequenced({ ...outbox, row: key }, Number(seconds));
    if (finding !== undefined) yield finding;
  }
  const schedules = { source: CONTROL, table: 'retain.schedule_version' };
  const untold = await read(CONTROL, schedules.table, () => control.untoldSchedules());
  for (const { key } of untold ?? []) {
    if (damage.untold.has(`control rule.version ${key}`)) continue;
    yield excess(schedules, key, 'says what no rule.version told');
  }
}
