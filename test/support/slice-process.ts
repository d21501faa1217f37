/** Starts `slice-worker.ts` as a process, follows what it says, and kills it where a test says. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { SliceTask } from './slice-worker.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SCRIPT = fileURLToPath(new URL('slice-worker.ts', import.meta.url));

export interface SliceProcess {
  /** Resolves true when it has said a line that begins like this so many times from now on, false when it ended before. */
  readonly says: (line: string, times: number) => Promise<boolean>;
  /** Lines so far that begin like this. */
  readonly said: (line: string) => number;
  /** SIGKILL; resolves when it is gone. */
  readonly kill: () => Promise<void>;
  /** Its exit code and last words; the code is null after a signal. */
  readonly ended: Promise<{ readonly exitCode: number | null; readonly lastWords: string }>;
}

export function startSliceProcess(task: SliceTask): SliceProcess {
  const args = ['--import', 'tsx', SCRIPT, JSON.stringify(task)];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  const listeners = new Set<(line: string | undefined) => void>();
  let lastWords = '';
  child.stderr.on('data', (chunk) => {
    lastWords += String(chunk);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    for (const listener of listeners) listener(line);
  });
  const ended = new Promise<{ exitCode: number | null; lastWords: string }>((resolve) =>
    child.once('close', (exitCode) => {
      for (const listener of listeners) listener(undefined);
      resolve({ exitCode, lastWords });
    }),
  );
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  onTestFinished(kill);
  return {
    ended,
    kill,
    said: (start) => lines.filter((line) => line.startsWith(start)).length,
    says: (start, times) => {
      if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(false);
      let left = times;
      return new Promise((resolve) => {
        const listener = (line: string | undefined): void => {
          if (line?.startsWith(start)) left -= 1;
          if (line !== undefined && left > 0) return;
          listeners.delete(listener);
          resolve(left <= 0);
        };
        listeners.add(listener);
      });
    },
  };
}
