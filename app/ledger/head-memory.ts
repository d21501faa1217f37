/**
 * The memory of whoever signs heads of a log: which head was the last. It is a folder of numbered
 * files that are created and never changed; the highest number is the truth. Creating the next number is
 * a compare-and-swap that holds between processes, and on a file system that several machines share.
 */
import { constants } from 'node:fs';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RetentionError } from '../../domain/errors.ts';
import { canonicalJson } from '../../ledger/canonical.ts';
import type { TreeHead } from '../../ledger/checkpoint.ts';
import { preparePrivateDir } from '../key-files.ts';
import { createOnce, isErrno, MODE, syncFolder } from './durable-files.ts';

/** A head and how many there were up to it. */
export interface Remembered {
  /** Counts from 1. */
  readonly generation: number;
  readonly head: TreeHead;
}

export interface HeadMemory {
  /**
   * The last head, which will still be the last after a power cut; undefined when there never was one.
   * Throws `LEDGER_SIGNER_UNREADABLE` for a file that is not whole, `EPOCH_KEY_EXPOSED` when others can
   * reach the folder.
   */
  newest(): Promise<Remembered | undefined>;
  /**
   * Makes `head` the last one, durably, if generation `after` (0 for none) still is. False when it is
   * not; the memory is then as if nobody had asked.
   */
  advance(after: number, head: TreeHead): Promise<boolean>;
}

/** So many generations stay, for whoever wants to see how it came to the last one. */
const GENERATIONS_KEPT = 8;
const FILE_NAME = /^\d{12}$/;
const FILE_NAME_DIGITS = 12;
const FILE_BYTES_MAX = 4096;
const CONTENT =
  /^\{"origin":("(?:[^"\\]|\\.)*"),"root":"([0-9a-f]{64})","size":(0|[1-9]\d{0,15})\}\n$/;

/** The memory in `folder`, mode 0700, which is created with the first head. */
export function headMemory(folder: string): HeadMemory {
  return {
    newest: () => newest(folder),
    advance: (after, head) => advance(folder, after, head),
  };
}

async function newest(folder: string): Promise<Remembered | undefined> {
  for (;;) {
    const generation = await newestGeneration(folder);
    if (generation === undefined) return undefined;
    // Who created it may have died before its name was on the disk, and a signature of ours depends on it.
    await syncNames(folder, generation);
    const head = await read(fileOf(folder, generation));
    // Overtaken, and tidied away meanwhile.
    if (head !== undefined) return { generation, head };
  }
}

async function advance(folder: string, after: number, head: TreeHead): Promise<boolean> {
  await preparePrivateDir(dirname(folder), basename(folder));
  const generation = after + 1;
  const path = fileOf(folder, generation);
  if (!(await createOnce(path, encode(head), MODE.secret))) return false;
  // Whoever slept while others went on may have taken a number that was tidied away: it is free, not next.
  if ((await newestGeneration(folder)) !== generation) {
    await rm(path, { force: true });
    return false;
  }
  await syncNames(folder, generation);
  await tidy(folder, generation);
  return true;
}

async function newestGeneration(folder: string): Promise<number | undefined> {
  return (await generations(folder)).at(-1);
}

/** Ascending. Anything that is no generation is refused: it could be one whose name was broken. */
async function generations(folder: string): Promise<number[]> {
  if (!(await exists(folder))) return [];
  await preparePrivateDir(dirname(folder), basename(folder));
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.'));
  for (const name of names) {
    if (!FILE_NAME.test(name)) throw unreadable(join(folder, name), 'is none of its files');
  }
  return names.map(Number).sort((a, b) => a - b);
}

async function tidy(folder: string, newestOne: number): Promise<void> {
  for (const generation of await generations(folder)) {
    if (generation > newestOne - GENERATIONS_KEPT) return;
    await rm(fileOf(folder, generation), { force: true });
  }
}

/** Undefined when there is no such file. */
async function read(path: string): Promise<TreeHead | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch((cause: unknown) => {
    if (isErrno(cause, 'ENOENT')) return undefined;
    throw unreadable(path, isErrno(cause, 'ELOOP') ? 'is a symbolic link' : 'cannot be read');
  });
  if (handle === undefined) return undefined;
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw unreadable(path, 'is not a regular file');
    const head = stats.size > FILE_BYTES_MAX ? undefined : decode(await handle.readFile());
    if (head === undefined) throw unreadable(path, 'does not hold the head of a log');
    return head;
  } finally {
    await handle.close();
  }
}

function encode({ origin, size, root }: TreeHead): Buffer {
  return Buffer.concat([
    canonicalJson({ origin, root: root.toString('hex'), size }),
    Buffer.from('\n'),
  ]);
}

/** Undefined for anything that `encode` would write another way. */
function decode(bytes: Buffer): TreeHead | undefined {
  const [, name, root = '', size] = CONTENT.exec(bytes.toString('utf8')) ?? [];
  if (name === undefined) return undefined;
  const head = { origin: unquoted(name), size: Number(size), root: Buffer.from(root, 'hex') };
  const isExact = Number.isSafeInteger(head.size) && encode(head).equals(bytes);
  return isExact ? head : undefined;
}

/** What is no JSON string stays as it is, and then differs from what `encode` writes. */
function unquoted(json: string): string {
  try {
    return String(JSON.parse(json));
  } catch {
    return json;
  }
}

function fileOf(folder: string, generation: number): string {
  return join(folder, String(generation).padStart(FILE_NAME_DIGITS, '0'));
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw unreadable(path, 'cannot be read');
  }
}

/** With the first generation the names of the folders too: one that a power cut takes away is no memory. */
async function syncNames(folder: string, generation: number): Promise<void> {
  await syncFolder(folder);
  if (generation > 1) return;
  await syncFolder(dirname(folder));
  await syncFolder(dirname(dirname(folder)));
}

function unreadable(path: string, what: string): RetentionError {
  return new RetentionError(
    'LEDGER_SIGNER_UNREADABLE',
    `${path} ${what}: what was signed last is not known, so nothing is signed. Restore the file from a copy; never delete it.`,
    { path },
  );
}
