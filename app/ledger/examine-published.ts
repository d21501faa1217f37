/** One place where the log is published, compared with what was signed. */
import { statfs } from 'node:fs/promises';
import { RetentionError } from '../../domain/errors.ts';
import { parseCheckpoint, type TreeHead } from '../../ledger/checkpoint.ts';
import { parseNote } from '../../ledger/note.ts';
import { ageOf, spanOf } from '../ages.ts';
import { type Looking, patiently } from '../checked.ts';
import type { Retain } from '../context.ts';
import { withLedger } from './open-ledger.ts';
import { continues, forked, type LogSink } from './publish.ts';
import { requireHead } from './sequence.ts';

/** The largest file of a log: a bundle of 256 entries, each with its length. */
const LARGEST_FILE_BYTES = 256 * (2 + 65_535);

/**
 * What the place has, and since when. Throws `LEDGER_FORKED` when that is another log or another history,
 * `LEDGER_BEHIND` when it is more than the database has, `LEDGER_LAGS` when it is more or less than what the
 * database has signed heads of, and stays so; `LEDGER_SINK_UNAVAILABLE` when the place cannot be read, or is
 * behind and `folder` has no room left.
 */
export async function publishedWords(
  retain: Retain,
  sink: LogSink,
  looking: Looking,
  folder?: string,
): Promise<string> {
  let wanted: number | undefined;
  const look = async (): Promise<string> => {
    // The place first: whatever it has by then was signed before.
    const there = await headIn(sink);
    const signed = await signedSize(retain);
    if (there !== undefined) await requireOurs(retain, sink, there, signed);
    wanted ??= signed;
    const size = there?.size ?? 0;
    const since = await signedAt(retain, size, looking);
    if (size >= wanted) return `${sink.name} has ${size} entries${since}`;
    throw new RetentionError(
      'LEDGER_LAGS',
      `${sink.name} has ${size} of ${wanted} signed entries${since}.`,
      { size },
    );
  };
  try {
    return await patiently(looking, look);
  } catch (error) {
    const lags = error instanceof RetentionError && error.code === 'LEDGER_LAGS';
    if (!lags || folder === undefined || (await hasRoom(folder))) throw error;
    throw new RetentionError(
      'LEDGER_SINK_UNAVAILABLE',
      `${error.message} Its disk is full: make room, and publication goes on where it stopped.`,
      error.facts,
    );
  }
}

async function signedSize({ control }: Retain): Promise<number> {
  return (await control.ledger.checkpoint())?.size ?? 0;
}

/** `, signed 5 s ago`, for a head that the database has. */
async function signedAt({ control }: Retain, size: number, { now }: Looking): Promise<string> {
  const stored = await control.ledger.checkpoint(size);
  if (stored?.size !== size) return '';
  const seconds = ageOf('The published head', Date.parse(stored.signedAt), now());
  return `, signed ${spanOf(seconds)} ago`;
}

async function headIn(sink: LogSink): Promise<TreeHead | undefined> {
  const bytes = await sink.readCheckpoint();
  try {
    return bytes && headOf(bytes);
  } catch (error) {
    if (!(error instanceof RetentionError)) throw error;
    throw new RetentionError(error.code, `The checkpoint in ${sink.name}: ${error.message}`);
  }
}

async function requireOurs(
  retain: Retain,
  sink: LogSink,
  there: TreeHead,
  signed: number,
): Promise<void> {
  const { origin, size } = await requireHead(retain.control.ledger);
  if (there.origin !== origin) throw forked(sink, 'another log');
  if (there.size > size) {
    throw new RetentionError(
      'LEDGER_BEHIND',
      `${sink.name} has ${there.size} entries and the database ${size}: it was restored from a backup. Run: retain log recover`,
      { size, published: there.size },
    );
  }
  if (!(await isBeginning(retain, there))) throw forked(sink, 'another history of this log');
  if (there.size <= signed) return;
  throw new RetentionError(
    'LEDGER_LAGS',
    `${sink.name} has ${there.size} entries and the newest signed head of the database ${signed}: after a recovery a worker signs another. Is one running?`,
    { signed, published: there.size },
  );
}

/** By the head of that size; where a restore took it away, by the tree. */
async function isBeginning(retain: Retain, there: TreeHead): Promise<boolean> {
  const stored = await retain.control.ledger.checkpoint(there.size);
  if (stored?.size === there.size) {
    return headOf(Buffer.from(stored.note)).root.equals(there.root);
  }
  return withLedger(retain, ({ reader, head }) => continues(reader, there, head));
}

async function hasRoom(folder: string): Promise<boolean> {
  // One that is not there has no file system to be full.
  const disk = await statfs(folder).catch(() => undefined);
  return disk === undefined || disk.bavail * disk.bsize >= LARGEST_FILE_BYTES;
}

function headOf(note: Buffer): TreeHead {
  return parseCheckpoint(parseNote(note).text);
}
