/**
 * A disk that loses at a power cut whatever nobody asked it to keep: it does everything for real, and
 * remembers what would be left. The bytes of a file are kept once the file was synced, its name once its folder
 * was. A name that took the place of another may be kept before that: the worst for whoever reads it.
 */
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

type Files = typeof import('node:fs/promises');

/** What a reader may find: bytes by path. */
export type Leftovers = ReadonlyMap<string, Buffer>;

interface Inode {
  bytes: Buffer;
  kept: Buffer;
}

const FOLDER: Inode = { bytes: Buffer.alloc(0), kept: Buffer.alloc(0) };

export interface ForgetfulDisk {
  readonly files: Pick<Files, 'open' | 'link' | 'rename' | 'unlink' | 'mkdir'>;
  /** What is left after a power cut at each moment so far. */
  readonly cuts: readonly Leftovers[];
  /** From now on it syncs nothing of that kind, whoever asks. */
  deafen(kind: Syncable): void;
}

export type Syncable = 'files' | 'folders';

/** Folders above `root`, and `root`, are kept already. */
export function forgetfulDisk(real: Files, root: string): ForgetfulDisk {
  let deaf: Syncable | undefined;
  const names = new Map<string, Inode>();
  const kept = new Map<string, Inode>();
  const cuts: Leftovers[] = [];
  /** Names that took the place of another, or of none, at once. */
  const replaced = new Map<string, Inode>();

  function isReachable(path: string): boolean {
    for (let above = dirname(path); above !== root; above = dirname(above)) {
      if (!kept.has(above) || above === dirname(above)) return false;
    }
    return true;
  }

  function note(): void {
    const left = [...kept, ...replaced].filter(([, inode]) => inode !== FOLDER);
    cuts.push(
      new Map(
        left.filter(([path]) => isReachable(path)).map(([path, inode]) => [path, inode.kept]),
      ),
    );
  }

  /** Only what was there when it was asked for is kept, and only once that was answered. */
  async function syncFolder(path: string, work: () => Promise<void>): Promise<void> {
    const there = [...names].filter(([name]) => dirname(name) === path);
    await work();
    if (deaf === 'folders') return;
    for (const name of kept.keys()) if (dirname(name) === path) kept.delete(name);
    for (const [name, inode] of there) kept.set(name, inode);
    note();
  }

  async function syncFile(inode: Inode, work: () => Promise<void>): Promise<void> {
    const { bytes } = inode;
    await work();
    if (deaf === 'files') return;
    inode.kept = bytes;
    note();
  }

  const open = async (path: string, flags: string, mode?: number): Promise<FileHandle> => {
    const handle = await real.open(path, flags, mode);
    const isNew = flags === 'wx';
    const inode: Inode = { bytes: Buffer.alloc(0), kept: Buffer.alloc(0) };
    if (isNew) names.set(path, inode);
    const told = {
      writeFile: async (bytes: Buffer) => {
        inode.bytes = Buffer.from(bytes);
        await handle.writeFile(bytes);
      },
      sync: () =>
        isNew ? syncFile(inode, () => handle.sync()) : syncFolder(path, () => handle.sync()),
      close: () => handle.close(),
    };
    return told as unknown as FileHandle;
  };
  const inodeOf = (path: string): Inode => names.get(path) ?? FOLDER;
  const files = {
    open,
    link: async (from: string, to: string) => {
      await real.link(from, to);
      names.set(to, inodeOf(from));
      note();
    },
    rename: async (from: string, to: string) => {
      names.set(to, inodeOf(from));
      names.delete(from);
      replaced.set(to, inodeOf(to));
      note();
      await real.rename(from, to);
    },
    unlink: async (path: string) => {
      await real.unlink(path);
      names.delete(path);
      note();
    },
    mkdir: async (path: string, options: { recursive: true }) => {
      const topmost = await real.mkdir(path, options);
      if (topmost === undefined) return topmost;
      for (let made = path; made !== dirname(topmost); made = dirname(made)) {
        names.set(made, FOLDER);
      }
      note();
      return topmost;
    },
  };
  return {
    files: files as unknown as ForgetfulDisk['files'],
    cuts,
    deafen: (kind) => {
      deaf = kind;
    },
  };
}
