/** Programs that are slow to get: looked for among the user's own, and kept in this user's cache. */
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.ts';

/** Receives one line at a time for a person who waits. */
export type Progress = (line: string) => void;

export interface CachedPrograms {
  /** The folder of the cache they are kept in; its name has their version. */
  readonly folder: string;
  /** File names in it. */
  readonly programs: readonly string[];
  /** For a person who waits: `the Temporal CLI`. */
  readonly what: string;
}

/**
 * Makes sure that the programs are in their folder. Answers `cache` when they were there, otherwise
 * what `get` answers, which has to put them there; of several processes one gets them.
 */
export async function inCache<T>(
  cached: CachedPrograms,
  get: () => Promise<T>,
  onProgress: Progress,
): Promise<T | 'cache'> {
  const { folder, programs, what } = cached;
  const complete = (): boolean => programs.every((name) => isProgram(join(folder, name)));
  if (complete()) return 'cache';
  return withLock(
    `${folder}.lock`,
    async () => (complete() ? 'cache' : get()),
    (pid) => onProgress(`Process ${pid} is getting ${what}; waiting for it.`),
  );
}

/** The first program of this name in these folders. */
export function findProgram(searchPath: readonly string[], name: string): string | undefined {
  return searchPath.map((folder) => join(folder, name)).find(isProgram);
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
