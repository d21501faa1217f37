/** The newest good checkpoint of every log that was verified here: what a later rollback or fork fails on. */
import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readUpTo } from './read-file.ts';

/** More than a checkpoint can have. */
const BYTES_MAX = 65_536;
/** File systems take names of 255 bytes. */
const NAME_LENGTH_MAX = 200;

export interface KeptCheckpoints {
  /** Undefined when none was kept. Throws as the file system does when it cannot be read. */
  read(origin: string): Buffer | undefined;
  /** Replaces the one before, at once or not at all. Answers the path. */
  keep(origin: string, note: Buffer): string;
}

/** Below `<folder>/checkpoints/`, one file per origin, for its owner only. */
export function keptCheckpoints(folder: string): KeptCheckpoints {
  const dir = join(folder, 'checkpoints');
  const fileOf = (origin: string): string => join(dir, nameOf(origin));
  return {
    read: (origin) => readUpTo(fileOf(origin), BYTES_MAX),
    keep(origin, note) {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const file = fileOf(origin);
      const fresh = `${file}.${process.pid}`;
      try {
        writeFileSync(fresh, note, { mode: 0o600, flush: true });
        renameSync(fresh, file);
      } catch (error) {
        rmSync(fresh, { force: true });
        throw error;
      }
      return file;
    },
  };
}

/** The origin as part of a URL: no slash, no dot alone. A long one by its hash. */
function nameOf(origin: string): string {
  const escaped = encodeURIComponent(origin);
  const digest = (): string => createHash('sha256').update(origin).digest('hex');
  return `${escaped.length <= NAME_LENGTH_MAX ? escaped : digest()}.checkpoint`;
}
