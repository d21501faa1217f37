/** Files that are complete and on the disk before they have their name. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
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
  return withDraft(path, bytes, mode, async (draft) => {
    try {
      await link(draft, path);
      return true;
    } catch (error) {
      if (isErrno(error, 'EEXIST')) return false;
      throw error;
    }
  });
}

/** Puts a file in the place of another, or of none: readers see the old bytes or the new ones. */
export async function replaceFile(path: string, bytes: Buffer, mode: FileMode): Promise<void> {
  await withDraft(path, bytes, mode, (draft) => rename(draft, path));
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

async function withDraft<T>(
  path: string,
  bytes: Buffer,
  mode: FileMode,
  name: (draft: string) => Promise<T>,
): Promise<T> {
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}`);
  try {
    const handle = await open(draft, 'wx', mode);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    return await name(draft);
  } finally {
    await rm(draft, { force: true });
  }
}
