/** Files that somebody else made, read without trusting their size or kind. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** What is there is no plain file. */
class NotAFile extends Error {
  override readonly name = 'NotAFile';
  readonly code = 'NOT_A_FILE';
}

/**
 * The first bytes of a file, at most so many; undefined when there is none. Throws as the file system does,
 * and for folders, pipes and devices.
 *
 * Waits for the disk: small files are mostly in memory, and a thread would take longer than reading them.
 */
export function readUpTo(file: string, bytes: number): Buffer | undefined {
  const descriptor = open(file);
  if (descriptor === undefined) return undefined;
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new NotAFile('This is no plain file.');
    const buffer = Buffer.allocUnsafe(Math.min(stats.size, bytes));
    let filled = 0;
    while (filled < buffer.length) {
      const read = readSync(descriptor, buffer, filled, buffer.length - filled, filled);
      if (read === 0) break;
      filled += read;
    }
    return buffer.subarray(0, filled);
  } finally {
    closeSync(descriptor);
  }
}

function open(file: string): number | undefined {
  try {
    // Without O_NONBLOCK a pipe in place of a file would keep us waiting for ever.
    return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
