/** Writes the log where others read it, as C2SP tlog-tiles: what a sink lacks, and the checkpoint last. */
import { RetentionError } from '../../domain/errors.ts';
import { parseCheckpoint, type TreeHead } from '../../ledger/checkpoint.ts';
import { leafHashes } from '../../ledger/hashing.ts';
import { verifyConsistency } from '../../ledger/merkle.ts';
import { parseNote } from '../../ledger/note.ts';
import { proveConsistency } from '../../ledger/proofs.ts';
import {
  bundlePath,
  encodeBundle,
  newBundles,
  newTiles,
  TILE_WIDTH,
  tilePath,
} from '../../ledger/tiles.ts';
import { type CheckedTiles, checkedTiles } from './checked-tiles.ts';
import { inParallel } from './in-parallel.ts';
import type { LogReader } from './log-reader.ts';

/** A place where the log is published: a folder, a bucket. */
export interface LogSink {
  /** For messages. */
  readonly name: string;
  /**
   * Writes a file whole or not at all. An `immutable` one that is there with the same bytes is left
   * alone, with other bytes refused (`LEDGER_FORKED`); several of different paths may be under way at
   * once. When the `checkpoint` can be read, everything whose writing had ended before it was begun can, also
   * after a power cut.
   */
  write(path: string, bytes: Buffer, kind: 'immutable' | 'checkpoint'): Promise<void>;
  /** Undefined when nothing was published yet. */
  readCheckpoint(): Promise<Buffer | undefined>;
}

/** `ahead`: the sink has a larger tree than the note; it was left alone. */
export interface Published {
  readonly state: 'published' | 'unchanged' | 'ahead';
  /** Of the tree that the sink has now. */
  readonly size: number;
}

interface NewFile {
  readonly path: string;
  readonly bytes: Buffer;
}

/** So many files are under way at once: a disk puts them down together, and a bucket is far away. */
const MOST_WRITES = 8;

/**
 * Brings a sink to the signed `note` (verified by whoever calls). Only bytes that the signed root
 * contains are written, and only onto a checkpoint that the same tree contains. Can be stopped at any byte
 * and called again: what is published stays valid. Memory is that of eight files being written, one bundle
 * being made (17 KB each where the entries are records, 16 MB at the very most) and a few tiles per level. Of a
 * sink that is `ahead`, whoever calls finds out whether a newer head was signed meanwhile: otherwise the
 * databases were restored, or the sink is not ours. Throws `LEDGER_FORKED` when the sink has another log
 * or another history, `LEDGER_BROKEN` when the reader no longer has the tree that was signed,
 * `LEDGER_MALFORMED` when the checkpoint there is none, and what the sink and the reader throw.
 */
export async function publish(sink: LogSink, reader: LogReader, note: string): Promise<Published> {
  const bytes = Buffer.from(note, 'utf8');
  const head = headOf(bytes);
  const before = await sink.readCheckpoint();
  const there = before && headOf(before);
  if (there !== undefined) {
    if (there.origin !== head.origin) throw forked(sink, 'another log');
    if (there.size > head.size) return { state: 'ahead', size: there.size };
    if (before?.equals(bytes)) return { state: 'unchanged', size: head.size };
    if (!(await continues(reader, there, head))) throw forked(sink, 'another history of this log');
  }
  const tiles = await checkedTiles(reader.tile, head);
  // All of them are there, and whole, before anybody is told of them.
  await inParallel(
    MOST_WRITES,
    newFiles(reader, tiles, there?.size ?? 0, head.size),
    ({ path, bytes }) => sink.write(path, bytes, 'immutable'),
  );
  // Somebody else may have published a larger tree since: a log never seems to shrink.
  const now = await sink.readCheckpoint();
  const size = now === undefined ? 0 : headOf(now).size;
  if (size > head.size) return { state: 'ahead', size };
  await sink.write('checkpoint', bytes, 'checkpoint');
  return { state: 'published', size: head.size };
}

/** Bundles and the level 0 tiles of the same entries, from one pass over them; then the tiles above. */
async function* newFiles(
  reader: LogReader,
  tiles: CheckedTiles,
  oldSize: number,
  size: number,
): AsyncGenerator<NewFile> {
  const first = oldSize - (oldSize % TILE_WIDTH);
  const entries = reader.entries(first, size);
  try {
    for (const bundle of newBundles(oldSize, size)) {
      const taken = await take(entries, bundle.width);
      const leaves = leafHashes(taken);
      await tiles.checkLeaves(bundle.index, leaves);
      yield { path: bundlePath(bundle), bytes: encodeBundle(taken) };
      yield { path: tilePath({ level: 0, ...bundle }), bytes: leaves };
    }
  } finally {
    await entries.return(undefined);
  }
  for (const tile of newTiles(oldSize, size)) {
    if (tile.level === 0) continue;
    yield { path: tilePath(tile), bytes: await tiles.tile(tile.level, tile.index) };
  }
}

/** At most `count`: whether they are all is for the hashes to say. */
async function take(entries: AsyncGenerator<Buffer>, count: number): Promise<Buffer[]> {
  const taken: Buffer[] = [];
  while (taken.length < count) {
    const next = await entries.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}

/** Whether the tree of `old` is the beginning of that of `head`. */
export async function continues(
  reader: Pick<LogReader, 'tile'>,
  old: TreeHead,
  head: TreeHead,
): Promise<boolean> {
  if (old.size === 0) return true;
  const proof = await proveConsistency(reader.tile, old.size, head.size);
  const claim = { oldSize: old.size, oldRoot: old.root, newSize: head.size, newRoot: head.root };
  return verifyConsistency({ ...claim, proof });
}

function headOf(note: Buffer): TreeHead {
  return parseCheckpoint(parseNote(note).text);
}

export function forked(sink: Pick<LogSink, 'name'>, what: string): RetentionError {
  return new RetentionError(
    'LEDGER_FORKED',
    `${sink.name} has ${what}: nothing is published there. Give this log a place of its own, or run: retain log verify`,
    { sink: sink.name },
  );
}
