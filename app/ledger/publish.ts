/** Writes the log where others read it, as C2SP tlog-tiles: what a sink lacks, and the checkpoint last. */
import { RetentionError } from '../../domain/errors.ts';
import { parseCheckpoint, type TreeHead } from '../../ledger/checkpoint.ts';
import { leafHash } from '../../ledger/hashing.ts';
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
import type { LogReader } from './log-reader.ts';

/** A place where the log is published: a folder, a bucket. */
export interface LogSink {
  /** For messages. */
  readonly name: string;
  /**
   * Writes a file whole or not at all. An `immutable` one that is there with the same bytes is left
   * alone, with other bytes refused (`LEDGER_FORKED`). When the `checkpoint` can be read, everything
   * written before it can, also after a power cut.
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

/**
 * Brings a sink to the signed `note` (verified by whoever calls). Only bytes that the signed root
 * contains are written, and only onto a checkpoint that the same tree contains. Can be stopped at any byte
 * and called again: what is published stays valid. Memory is one bundle and a few tiles per level. Of a
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
  await writeEntries(sink, reader, tiles, there?.size ?? 0, head.size);
  for (const tile of newTiles(there?.size ?? 0, head.size)) {
    if (tile.level === 0) continue;
    await sink.write(tilePath(tile), await tiles.tile(tile.level, tile.index), 'immutable');
  }
  // Somebody else may have published a larger tree since: a log never seems to shrink.
  const now = await sink.readCheckpoint();
  const size = now === undefined ? 0 : headOf(now).size;
  if (size > head.size) return { state: 'ahead', size };
  await sink.write('checkpoint', bytes, 'checkpoint');
  return { state: 'published', size: head.size };
}

/** Bundles, and the level 0 tiles of the same entries, from one pass over them. */
async function writeEntries(
  sink: LogSink,
  reader: LogReader,
  tiles: CheckedTiles,
  oldSize: number,
  size: number,
): Promise<void> {
  const first = oldSize - (oldSize % TILE_WIDTH);
  const entries = reader.entries(first, size);
  try {
    for (const bundle of newBundles(oldSize, size)) {
      const taken = await take(entries, bundle.width);
      const leaves = Buffer.concat(taken.map(leafHash));
      await tiles.checkLeaves(bundle.index, leaves);
      await sink.write(bundlePath(bundle), encodeBundle(taken), 'immutable');
      await sink.write(tilePath({ level: 0, ...bundle }), leaves, 'immutable');
    }
  } finally {
    await entries.return(undefined);
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

async function continues(reader: LogReader, old: TreeHead, head: TreeHead): Promise<boolean> {
  if (old.size === 0) return true;
  const proof = await proveConsistency(reader.tile, old.size, head.size);
  const claim = { oldSize: old.size, oldRoot: old.root, newSize: head.size, newRoot: head.root };
  return verifyConsistency({ ...claim, proof });
}

function headOf(note: Buffer): TreeHead {
  return parseCheckpoint(parseNote(note).text);
}

function forked(sink: LogSink, what: string): RetentionError {
  return new RetentionError(
    'LEDGER_FORKED',
    `${sink.name} has ${what}: nothing is published there. Give this log a place of its own, or run: retain log verify`,
    { sink: sink.name },
  );
}
