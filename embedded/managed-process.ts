/**
 * A server we started: stopped by us, or by a watchdog when we are gone.
 *
 * The watchdog is a shell that blocks on a pipe from this process. However we end (return, Ctrl-C,
 * SIGTERM, SIGKILL, a crash), the kernel closes the pipe and the watchdog stops the server, so no
 * signal handler is installed in the process that uses us.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { RetentionError } from '../domain/errors.ts';

export interface ProcessOptions {
  /** What it is, for messages: `PostgreSQL`, `the Temporal server`. */
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The root folder when missing: a server must not keep somebody's folder busy. */
  readonly cwd?: string;
  /** The whole environment of the server; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Output is appended here. */
  readonly logFile: string;
  /** The signal that asks for an orderly end. */
  readonly stopSignal: NodeJS.Signals;
  /** Whom to run as; only root may choose. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}

export interface ManagedProcess {
  readonly pid: number;
  /** True until the process has ended. */
  readonly running: () => boolean;
  /** Sends a signal and waits until the process has ended. */
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
  /** Asks for an orderly end, insists after 10 seconds, and waits; harmless when it has ended. */
  readonly stop: () => Promise<void>;
  /** Lets the server outlive this process: from now on nobody stops it but a person. */
  readonly release: () => void;
}

const STOP_GRACE_MS = 10_000;

// Reads one line from us (`release`), else, at end of file, stops the server and insists after 10 s.
const WATCHDOG = `
read -r _ && exit 0
kill -s "$2" "$1" 2>/dev/null || exit 0
tries=0
while kill -0 "$1" 2>/dev/null && [ "$tries" -lt 50 ]; do sleep 0.2; tries=$((tries + 1)); done
kill -s KILL "$1" 2>/dev/null || exit 0
`;

/** Starts a server in a process group of its own: a terminal's Ctrl-C reaches us, not it. */
export async function startProcess(options: ProcessOptions): Promise<ManagedProcess> {
  const log = openSync(options.logFile, 'a');
  const child = spawn(options.command, options.args, {
    cwd: options.cwd ?? '/',
    env: { ...options.env },
    stdio: ['ignore', log, log],
    detached: true,
    ...options.user,
  });
  closeSync(log);
  const pid = await started(child, options.what);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.unref();
  const dismissWatchdog = watch(pid, options.stopSignal);
  void exited.then(dismissWatchdog);
  const running = (): boolean => child.exitCode === null && child.signalCode === null;

  async function kill(signal: NodeJS.Signals): Promise<void> {
    if (!running()) return;
    child.ref();
    child.kill(signal);
    await exited;
  }

  async function stop(): Promise<void> {
    const insist = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    await kill(options.stopSignal);
    clearTimeout(insist);
  }

  return { pid, running, kill, stop, release: dismissWatchdog };
}

/** The end of a server's log, for the error that says why it did not start. */
export function logTail(logFile: string, lines = 8): string {
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}

function started(child: ChildProcess, what: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(child.pid ?? 0));
    child.once('error', (cause) => {
      reject(new RetentionError('STORE_UNAVAILABLE', `${what} cannot be started.`, {}, cause));
    });
  });
}

/** Starts the watchdog of one server; the answer tells it that it is not needed any more. */
function watch(pid: number, stopSignal: NodeJS.Signals): () => void {
  const name = stopSignal.replace(/^SIG/, '');
  const shell = spawn('/bin/sh', ['-c', WATCHDOG, 'watchdog', String(pid), name], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.unref();
  const pipe: Writable & { unref?: () => void } = shell.stdin;
  pipe.unref?.();
  pipe.on('error', () => undefined); // the watchdog has ended before us, so there is nothing to tell
  return () => {
    if (!pipe.writableEnded) pipe.end('dismissed\n');
  };
}
