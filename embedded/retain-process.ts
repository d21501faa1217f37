/** Retain itself as child processes, from the same kind of file (source or compiled) as this one. */
import { readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toolEnvironment } from '../config/env.ts';
import { type ManagedProcess, startProcess } from './managed-process.ts';
import { untilReady } from './ready.ts';

const EXTENSION = extname(fileURLToPath(import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** A new clone bundles the workflows first. */
const WORKER_START_TIMEOUT_MS = 180_000;

export interface RetainCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
}

/** How to run `retain` with these arguments without a shell and without npx. */
export function retainCommand(args: readonly string[]): RetainCommand {
  const program = join(ROOT, 'cli', `main${EXTENSION}`);
  const loader = EXTENSION === '.ts' ? ['--import', import.meta.resolve('tsx')] : [];
  return { command: process.execPath, args: [...loader, program, ...args], cwd: ROOT };
}

/** This process's environment with these settings on top, as a child process takes it. */
export function retainEnvironment(
  settings: Readonly<Record<string, string>>,
): Record<string, string> {
  const entries = Object.entries(toolEnvironment(settings));
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/**
 * Starts `retain worker` and resolves when it serves its queues. Whatever ends this process ends the
 * worker after its batch, unless it was released. Throws `STORE_UNAVAILABLE` with the end of its log.
 */
export async function startRetainWorker(
  settings: Readonly<Record<string, string>>,
  logFile: string,
): Promise<ManagedProcess> {
  writeFileSync(logFile, ''); // an earlier worker's words must not be taken for this one's
  const worker = await startProcess({
    ...retainCommand(['worker']),
    what: 'The worker',
    env: retainEnvironment({ ...settings, RETAIN_LOG_LEVEL: 'info' }),
    logFile,
    stopSignal: 'SIGTERM',
  });
  await untilReady({
    what: 'The worker',
    process: worker,
    logFile,
    timeoutMs: WORKER_START_TIMEOUT_MS,
    connect: async () => {
      if (!readFileSync(logFile, 'utf8').includes('"msg":"serving"')) {
        throw new Error('the worker does not serve yet');
      }
    },
  });
  return worker;
}
