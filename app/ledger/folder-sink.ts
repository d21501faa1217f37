/** A folder with the published log: what any web server serves and any verifier reads. */
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { invariant, RetentionError } from '../../domain/errors.ts';
import { parsePath } from '../../ledger/tiles.ts';
import { createOnce, isErrno, MODE, makeFolder, replaceFile, syncFolder } from './durable-files.ts';
import type { LogSink } from './publish.ts';

const CHECKPOINT = 'checkpoint';

/**
 * Publishes into `folder`, which is created with the first file. Every file is complete before it has its
 * name; a tile never replaces another. Before a checkpoint has its name, everything written before it
 * is on the disk. A crash leaves at most a draft, whose name begins with a dot. One publisher at a time: of two,
 * the checkpoint of the slower may stay. Throws `LEDGER_FORKED` when a tile is there with other bytes,
 * `LEDGER_SINK_UNAVAILABLE` for what the file system refuses.
 */
export function folderSink(folder: string): LogSink {
  const dir = resolve(folder);
  const unsynced = new Set<string>();

  async function writeOnce(path: string, bytes: Buffer): Promise<void> {
    invariant(parsePath(path) !== undefined, 'Only tiles and bundles are published for good.');
    const file = join(dir, path);
    const existing = await read(file);
    if (existing === undefined) await prepareFolder(file);
    if (existing === undefined && (await createOnce(file, bytes, MODE.published))) return;
    // Whoever wrote it may have died before its name was on the disk: it counts as ours.
    remember(file);
    if (!(existing ?? (await read(file)))?.equals(bytes)) throw forked(file);
  }

  async function writeCheckpoint(bytes: Buffer): Promise<void> {
    const file = join(dir, CHECKPOINT);
    await prepareFolder(file);
    for (const path of unsynced) await syncFolder(path);
    unsynced.clear();
    await replaceFile(file, bytes, MODE.published);
    await syncFolder(dir);
  }

  async function prepareFolder(file: string): Promise<void> {
    const topmost = await makeFolder(dirname(file));
    if (topmost !== undefined) unsynced.add(dirname(topmost));
    remember(file);
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
