/** Proves a few entries, chosen by chance, to be in the tree that was signed. Says nothing of the others. */
import { randomInt } from 'node:crypto';
import { leafHash } from '../hashing.ts';
import { verifyConsistency, verifyInclusion } from '../merkle.ts';
import { proveConsistency, proveInclusion, type ReadTile } from '../proofs.ts';
import { TILE_WIDTH } from '../tiles.ts';
import { entryOffsets, findEntries } from './entry-offsets.ts';
import type { ReportFinding } from './findings.ts';
import type { CheckedHead } from './head-check.ts';
import { type LogSource, type Published, readBundle, readTile } from './log-source.ts';

interface Sample {
  readonly source: LogSource;
  readonly head: CheckedHead;
  readonly count: number;
  readonly report: ReportFinding;
}

type Lack = Extract<Published, { readonly lacks: string }>;

/** `randomInt` chooses among fewer than 2^48. */
const CHOICES_MAX = 2 ** 48 - 1;

/** A file that a proof needs is not there. */
class Lacking extends Error {
  override readonly name = 'Lacking';
  readonly lack: Lack;

  constructor(lack: Lack) {
    super(lack.message);
    this.lack = lack;
  }
}

/** Answers how many entries were proved. */
export async function sampleLog(sample: Sample): Promise<number> {
  const { source, head, count, report } = sample;
  const tile: ReadTile = async (level, index, width) =>
    bytesOf(await readTile(source, { level, index, width }));
  if (head.size === 0) report('E_GENESIS', 'The log is empty: there is nothing to prove.');
  await unlessLacking(report, () => checkEarlier(head, tile, report));
  let proved = 0;
  for (let i = 0; i < count && head.size > 0; i += 1) {
    const index = randomInt(Math.min(head.size, CHOICES_MAX));
    const done = await unlessLacking(report, () => proveEntry(sample, tile, index));
    // A source without one entry most likely lacks more: one finding is enough.
    if (done === undefined) break;
    if (done) proved += 1;
  }
  return proved;
}

async function proveEntry(
  { source, head, report }: Sample,
  tile: ReadTile,
  index: number,
): Promise<boolean> {
  const { size, root } = head;
  const entry = await readEntry(source, index, size);
  const proof = await proveInclusion(tile, index, size);
  const included = verifyInclusion({ leafHash: leafHash(entry), index, size, proof, root });
  if (!included)
    report('E_INCLUSION', `Entry ${index} is not in the tree that was signed.`, { index });
  return included;
}

async function checkEarlier(
  head: CheckedHead,
  tile: ReadTile,
  report: ReportFinding,
): Promise<void> {
  for (const { label, size, root } of head.earlier) {
    const proof = await proveConsistency(tile, size, head.size);
    const claim = { oldSize: size, oldRoot: root, newSize: head.size, newRoot: head.root, proof };
    if (!verifyConsistency(claim)) {
      report('E_FORK', `The first ${size} entries are not those of ${label}.`, { index: size });
    }
  }
}

async function readEntry(source: LogSource, index: number, size: number): Promise<Buffer> {
  const number = Math.floor(index / TILE_WIDTH);
  const width = Math.min(TILE_WIDTH, size - number * TILE_WIDTH);
  const served = await readBundle(source, { index: number, width });
  const bytes = bytesOf(served);
  const offsets = entryOffsets();
  const wider = 'wider' in served && served.wider;
  const fault = findEntries(bytes, width, offsets, wider);
  if (fault !== undefined) {
    throw new Lacking({ lacks: 'E_FORMAT', message: `The bundle of entry ${index} ${fault}.` });
  }
  const at = index % TILE_WIDTH;
  return bytes.subarray(offsets.starts[at], offsets.ends[at]);
}

function bytesOf(served: Published): Buffer {
  if ('lacks' in served) throw new Lacking(served);
  return served.bytes;
}

async function unlessLacking<T>(
  report: ReportFinding,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Lacking)) throw error;
    report(error.lack.lacks, error.lack.message);
    return undefined;
  }
}
