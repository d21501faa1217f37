/** Files that are complete and on the disk before they have their name. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** What a file may be read by: its owner, or everybody. */
export const MODE = { secret: 0o600, published: 0o644 } as const;
export type FileMode = (typeof MODE)[keyof typeof MODE];

/**
 * Creates a file; false when there is one of that name already, whatever it holds. Of several processes
 * exactly one succeeds: a link never replaces a file. The name itself survives a power cut only after
 * `syncFolder`.
 */
export async function createOnce(path: string, bytes: Buffer, mode: FileMode): Promise<boolean> {
  const draft = await writeDraft(path, bytes, mode);
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await removeDraft(draft);
  }
}

/** Puts a file in the place of another, or of none: readers see the old bytes or the new ones. */
export async function replaceFile(path: string, bytes: Buffer, mode: FileMode): Promise<void> {
  const draft = await writeDraft(path, bytes, mode);
  try {
    await rename(draft, path);
  } catch (error) {
    await removeDraft(draft);
    throw error;
  }
}

/** Creates a folder and those above it that are missing; answers the topmost it made, if any. */
export async function makeFolder(path: string): Promise<string | undefined> {
  return mkdir(path, { recursive: true });
}

/** Waits until the names in a folder are on the disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Beside the file that it will be; on the disk, but for its name. */
async function writeDraft(path: string, bytes: Buffer, mode: FileMode): Promise<string> {
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}`);
  const handle = await open(draft, 'wx', mode);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } catch (error) {
    await removeDraft(draft);
    throw error;
  } finally {
    await handle.close();
  }
  return draft;
}

async function removeDraft(draft: string): Promise<void> {
  try {
    await unlink(draft);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
