/** A folder with the published log: what any web server serves and any verifier reads. */
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { invariant, RetentionError } from '../../domain/errors.ts';
import { parsePath } from '../../ledger/tiles.ts';
import { createOnce, isErrno, MODE, makeFolder, replaceFile, syncFolder } from './durable-files.ts';
import { inParallel } from './in-parallel.ts';
import type { LogSink } from './publish.ts';

const CHECKPOINT = 'checkpoint';
const MOST_SYNCS = 8;

/**
 * Publishes into `folder`, which is created with the first file. Every file is complete before it has its
 * name; a tile never replaces another. Before a checkpoint has its name, everything written before it
 * is on the disk, names included: their folders are synced once for each checkpoint. A crash leaves at most
 * drafts, whose names begin with a dot. One publisher at a time: of two, the checkpoint of the slower may
 * stay. Throws `LEDGER_FORKED` when a tile is there with other bytes, `LEDGER_SINK_UNAVAILABLE` for what the
 * file system refuses.
 */
export function folderSink(folder: string): LogSink {
  const dir = resolve(folder);
  const unsynced = new Set<string>();

  async function writeOnce(path: string, bytes: Buffer): Promise<void> {
    invariant(parsePath(path) !== undefined, 'Only tiles and bundles are published for good.');
    const file = join(dir, path);
    const existing = await read(file);
    const written = existing === undefined && (await create(file, bytes));
    // Whoever wrote what is there may have died before its name was on the disk: it counts as ours.
    remember(file);
    if (written) return;
    if (!(existing ?? (await read(file)))?.equals(bytes)) throw forked(file);
  }

  async function create(file: string, bytes: Buffer): Promise<boolean> {
    try {
      return await createOnce(file, bytes, MODE.published);
    } catch (error) {
      // A folder has many files: it is there already for almost all of them.
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    await prepareFolder(file);
    return createOnce(file, bytes, MODE.published);
  }

  async function writeCheckpoint(bytes: Buffer): Promise<void> {
    const file = join(dir, CHECKPOINT);
    await prepareFolder(file);
    await inParallel(MOST_SYNCS, unsynced, syncNames);
    unsynced.clear();
    await replaceFile(file, bytes, MODE.published);
    await syncFolder(dir);
  }

  async function prepareFolder(file: string): Promise<void> {
    const topmost = await makeFolder(dirname(file));
    remember(file);
    // Folders above ours that were made have their names to keep as well.
    const above = topmost === undefined ? dir : dirname(topmost);
    for (let path = dir; path.length > above.length; ) {
      path = dirname(path);
      unsynced.add(path);
    }
  }

  function remember(file: string): void {
    for (let path = dirname(file); path !== dir; path = dirname(path)) unsynced.add(path);
    unsynced.add(dir);
  }

  return {
    name: dir,
    write: (path, bytes, kind) =>
      reaching(dir, () =>
        kind === 'checkpoint' ? writeCheckpoint(bytes) : writeOnce(path, bytes),
      ),
    readCheckpoint: () => reaching(dir, () => read(join(dir, CHECKPOINT))),
  };
}

/** A folder that somebody removed meanwhile has no names to keep. */
async function syncNames(folder: string): Promise<void> {
  try {
    await syncFolder(folder);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

async function read(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function reaching<T>(dir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isOfTheSystem = error instanceof Error && 'syscall' in error;
    if (!isOfTheSystem) throw error;
    throw new RetentionError(
      'LEDGER_SINK_UNAVAILABLE',
      `The published copy in ${dir} cannot be used: ${error.message}. Mend that; publication goes on where it stopped.`,
      { sink: dir },
      error,
    );
  }
}

function forked(file: string): RetentionError {
  return new RetentionError(
    'LEDGER_FORKED',
    `${file} was published with other bytes; it stays as it is. Keep everything as it is and run: retain log verify`,
    { file },
  );
}
