/** Secret files that only their owner can reach, made once however many processes try. */
import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RetentionError } from '../domain/errors.ts';
import { createOnce, isErrno, MODE, syncFolder } from './ledger/durable-files.ts';

/** Of every key in a file: a seed of Ed25519, or a secret that references are made with. */
const KEY_BYTES = 32;
const KEY_FILE_BYTES = 100;
const KEY_TEXT = /^([0-9a-f]{64})\n$/;
const OTHERS = 0o077;

/** Creates `<root>/<folder>` where needed, mode 0700, and refuses what others can reach. */
export async function preparePrivateDir(root: string, folder: string): Promise<void> {
  for (const path of [root, join(root, folder)]) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await checkDir(path);
  }
}

/** The key in `<root>/<file>`; throws as `readPrivateFile` does, and for a file that holds anything but one key. */
export async function readKeyFile(root: string, file: string): Promise<Buffer | undefined> {
  const text = await readPrivateFile(root, file, KEY_FILE_BYTES);
  if (text === undefined) return undefined;
  const hex = KEY_TEXT.exec(text)?.[1];
  if (hex === undefined)
    throw invalidKeyFile(file, 'does not hold 64 hexadecimal digits and a line end');
  return Buffer.from(hex, 'hex');
}

/**
 * The text of `<root>/<file>`, or `undefined` when there is no such file. Throws `EPOCH_KEY_EXPOSED`
 * when others have rights on it or on the folders above it up to `root`, `EPOCH_KEY_INVALID` when it
 * is no regular file or has more than `mostBytes`.
 */
export async function readPrivateFile(
  root: string,
  file: string,
  mostBytes: number,
): Promise<string | undefined> {
  const path = join(root, file);
  if (!((await checkDir(root)) && (await checkDir(dirname(path))))) return undefined;
  // A link could lead to a file whose folder everybody may write.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch((cause: unknown) => {
    if (isErrno(cause, 'ENOENT')) return undefined;
    const what = isErrno(cause, 'ELOOP') ? 'is a symbolic link' : 'cannot be read';
    throw invalidKeyFile(file, what);
  });
  if (handle === undefined) return undefined;
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw invalidKeyFile(file, 'is not a regular file');
    refuseExposed(stats, path, '600');
    if (stats.size > mostBytes) throw invalidKeyFile(file, 'is too long');
    return await handle.readFile('latin1');
  } finally {
    await handle.close();
  }
}

/** Writes a key, a new one unless told, as `createPrivateFile` does. */
export async function createKeyFile(
  path: string,
  key: Buffer = randomBytes(KEY_BYTES),
): Promise<void> {
  await createPrivateFile(path, `${key.toString('hex')}\n`);
}

/**
 * Writes a file, durable and complete before it has its name, mode 0600. Does nothing when there is one: of
 * several processes exactly one succeeds.
 */
export async function createPrivateFile(path: string, text: string): Promise<void> {
  await createOnce(path, Buffer.from(text), MODE.secret);
  await syncFolder(dirname(path));
}

/** Puts a key that was written beside it in the place of another, durably. */
export async function replaceKeyFile(path: string, by: string): Promise<void> {
  await rename(by, path);
  await syncFolder(dirname(path));
}

/**
 * Destroys a key: its bytes are overwritten before its name goes. Copies elsewhere (backups, the blocks a
 * copy-on-write file system keeps) are not reached. False when there is none.
 */
export async function destroyKeyFile(path: string): Promise<boolean> {
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch(onMissing);
  if (handle === undefined) return false;
  try {
    const { size } = await handle.stat();
    await handle.write(randomBytes(size), 0, size, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
  // Another process may have destroyed the same key meanwhile.
  await unlink(path).catch(onMissing);
  await syncFolder(dirname(path));
  return true;
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
    throw invalidKeyFile(path, 'cannot be read');
  });
  if (stats === undefined) return false;
  if (!stats.isDirectory()) throw invalidKeyFile(path, 'is not a folder');
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

/** `what` ends the sentence about the file. */
export function invalidKeyFile(path: string, what: string): RetentionError {
  const message = `The epoch key ${path} ${what}. Restore it from its backup.`;
  return new RetentionError('EPOCH_KEY_INVALID', message, { path });
}

function onMissing(cause: unknown): undefined {
  if (isErrno(cause, 'ENOENT')) return undefined;
  throw cause;
}
