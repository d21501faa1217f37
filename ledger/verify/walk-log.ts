/** Reads a log from its first entry to its last: entries against tiles, tiles against the signed root. */
import { bundlesOf } from '../tiles.ts';
import { checkBundle, type ServedBundle, serveBundle } from './bundle-check.ts';
import { type EntryOffsets, entryOffsets } from './entry-offsets.ts';
import type { ReportFinding } from './findings.ts';
import type { CheckedHead } from './head-check.ts';
import type { Judge } from './judge.ts';
import { type LogSource, readAhead } from './log-source.ts';
import { type TreeCheck, treeCheck } from './tree-check.ts';

export interface Walk {
  readonly source: LogSource;
  readonly head: CheckedHead;
  readonly judge: Judge;
  readonly report: ReportFinding;
  /** Called after every bundle with the number of entries read. */
  readonly onProgress: ((entries: number) => void) | undefined;
}

export interface Walked {
  /** Entries whose leaf hashes are in the tree. */
  readonly entries: number;
  /** Every entry was read and is under the root that was signed. */
  readonly covered: boolean;
  /** What entries say was judged to the end: nothing was damaged on the way. */
  readonly judged: boolean;
}

interface Progress {
  readonly tree: TreeCheck;
  readonly offsets: EntryOffsets;
  damages: number;
  /** A tile stood in for entries that do not have its leaf hashes: a wrong root says no more. */
  guessed: boolean;
  /** False from the first damage on: what later entries say can only be judged by those before. */
  judging: boolean;
}

/** More damage than this says no more, and a forged size must not keep us busy. */
const DAMAGES_MAX = 100;

export async function walkLog(walk: Walk): Promise<Walked> {
  const { source, head, report } = walk;
  const tree = treeCheck({ source, head, earlier: head.earlier, report });
  const progress = { tree, offsets: entryOffsets(), damages: 0, guessed: false, judging: true };
  const bundles = readAhead(bundlesOf(head.size), (bundle) => serveBundle(source, bundle));
  for await (const served of bundles) {
    const goesOn = await takeBundle(served, progress, walk);
    if (!goesOn) return { entries: tree.size, covered: false, judged: false };
    walk.onProgress?.(tree.size);
  }
  if (progress.judging) walk.judge.end();
  const rooted = await tree.finish(progress.guessed);
  const { judging: judged, damages } = progress;
  return { entries: tree.size, covered: rooted && damages === 0, judged };
}

/** False when there is no use in reading on. */
async function takeBundle(
  served: ServedBundle,
  progress: Progress,
  { judge, report }: Walk,
): Promise<boolean> {
  const { tree, offsets } = progress;
  const { entries, leaves, damages } = checkBundle(served, offsets);
  for (const { code, message, index } of damages) report(code, message, { index });
  progress.damages += damages.length;
  progress.judging &&= entries !== undefined;
  progress.guessed ||= damages.some(({ code }) => code === 'E_LEAF');
  const unreadable = damages.some(({ code }) => code === 'E_UNREADABLE');
  if (leaves === undefined || unreadable || progress.damages > DAMAGES_MAX) return false;
  if (progress.judging && entries !== undefined) {
    const first = tree.size;
    judge.bundle(entries, offsets, first, (size) => tree.rootWith(leaves, size - first));
  }
  await tree.append(leaves);
  return true;
}
