/** Secret files that only their owner can reach, made once however many processes try. */
import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { link, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RetentionError } from '../domain/errors.ts';
import { syncFolder } from './ledger/durable-files.ts';

const KEY_TEXT = /^([0-9a-f]{64})\n$/;
const OTHERS = 0o077;

/** Creates `<root>/<folder>` where needed, mode 0700, and refuses what others can reach. */
export async function preparePrivateDir(root: string, folder: string): Promise<void> {
  for (const path of [root, join(root, folder)]) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await checkDir(path);
  }
}

/**
 * The key in `<root>/<file>`, or `undefined` when there is no such file. Throws `EPOCH_KEY_EXPOSED`
 * when others have rights on it or on the folders above it up to `root`, `EPOCH_KEY_INVALID` when it
 * is no regular file or holds anything but one key.
 */
export async function readKeyFile(root: string, file: string): Promise<Buffer | undefined> {
  const path = join(root, file);
  if (!((await checkDir(root)) && (await checkDir(dirname(path))))) return undefined;
  // A link could lead to a file whose folder everybody may write.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch((cause: unknown) => {
    if (isErrno(cause, 'ENOENT')) return undefined;
    throw invalid(file, isErrno(cause, 'ELOOP') ? 'is a symbolic link' : 'cannot be read');
  });
  if (handle === undefined) return undefined;
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw invalid(file, 'is not a regular file');
    refuseExposed(stats, path, '600');
    const hex = stats.size > 100 ? undefined : KEY_TEXT.exec(await handle.readFile('latin1'))?.[1];
    if (hex === undefined)
      throw invalid(file, 'does not hold 64 hexadecimal digits and a line end');
    return Buffer.from(hex, 'hex');
  } finally {
    await handle.close();
  }
}

/**
 * Writes a key, durable and complete before it has its name, mode 0600. Does nothing when the file
 * exists: a link cannot replace one, so of several processes exactly one succeeds.
 */
export async function createKeyFile(path: string, key: Buffer): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}`);
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${key.toString('hex')}\n`);
    await handle.sync();
    await link(draft, path).catch((cause: unknown) => {
      if (!isErrno(cause, 'EEXIST')) throw cause;
    });
  } finally {
    await handle.close();
    await unlink(draft);
  }
  await syncFolder(dirname(path));
}

/** Puts a key that was written beside it in the place of another, durably. */
export async function replaceKeyFile(path: string, by: string): Promise<void> {
  await rename(by, path);
  await syncFolder(dirname(path));
}

/**
 * Destroys a key: its bytes are overwritten before its name goes. Copies elsewhere (backups, the blocks a
 * copy-on-write file system keeps) are not reached.
 */
export async function destroyKeyFile(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    const { size } = await handle.stat();
    await handle.write(randomBytes(size), 0, size, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await unlink(path);
  await syncFolder(dirname(path));
}

/** Names of the key files in `<root>/<folder>`, sorted; none when the folder is missing. */
export async function keyFileNames(root: string, folder: string): Promise<string[]> {
  const path = join(root, folder);
  if (!((await checkDir(root)) && (await checkDir(path)))) return [];
  const names = await readdir(path);
  return names.filter((name) => !name.startsWith('.') && name.endsWith('.key')).sort();
}

/** Whether the folder exists. Throws `EPOCH_KEY_EXPOSED` when others have rights on it. */
async function checkDir(path: string): Promise<boolean> {
  const stats = await stat(path).catch((cause: unknown) => {
    if (isErrno(cause, 'ENOENT')) return undefined;
    throw invalid(path, 'cannot be read');
  });
  if (stats === undefined) return false;
  if (!stats.isDirectory()) throw invalid(path, 'is not a folder');
  refuseExposed(stats, path, '700');
  return true;
}

function refuseExposed(stats: Stats, path: string, mode: string): void {
  if ((stats.mode & OTHERS) === 0) return;
  throw new RetentionError(
    'EPOCH_KEY_EXPOSED',
    `${path} can be reached by others than its owner. If nobody has, run: chmod ${mode} '${path}'`,
    { path },
  );
}

function invalid(path: string, what: string): RetentionError {
  const message = `The epoch key ${path} ${what}. Restore it from its backup.`;
  return new RetentionError('EPOCH_KEY_INVALID', message, { path });
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
