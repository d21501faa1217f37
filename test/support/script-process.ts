/** Runs a TypeScript program as a process, follows what it says, and kills it where a test says. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { toolEnvironment } from '../../config/env.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface ScriptProcess {
  /** Resolves true when it has said so many lines with this in them from now on, false when it ended before. */
  readonly says: (words: string, times: number) => Promise<boolean>;
  /** SIGKILL; resolves when it is gone. */
  readonly kill: () => Promise<void>;
  /** Its exit code, null after a signal, and what it wrote to standard error. */
  readonly ended: Promise<{ readonly exitCode: number | null; readonly lastWords: string }>;
}

/** Starts it; whatever becomes of the test, it is gone afterwards. */
export function startScript(
  path: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ScriptProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', path, ...args], {
    cwd: ROOT,
    env: toolEnvironment(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const listeners = new Set<(line: string | undefined) => void>();
  let lastWords = '';
  child.stderr.on('data', (chunk) => {
    lastWords += String(chunk);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
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
    says: (words, times) => {
      if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(false);
      let left = times;
      return new Promise((resolve) => {
        const listener = (line: string | undefined): void => {
          if (line?.includes(words)) left -= 1;
          if (line !== undefined && left > 0) return;
          listeners.delete(listener);
          resolve(left <= 0);
        };
        listeners.add(listener);
      });
    },
  };
}
