/** Between commander and the actions: makes the shell, keeps the exit code. */
import type { Command } from 'commander';
import { type CommonOptions, makeShell, type Shell, type Terminal } from './shell.ts';

/** Runs an action; what it resolves to is the exit code, nothing meaning 0. */
export type Run = (
  options: CommonOptions,
  work: (shell: Shell) => Promise<number | undefined>,
) => Promise<void>;

export function runner(terminal: Terminal, onEnd: (exitCode: number) => void): Run {
  return async (options, work) => onEnd((await work(await makeShell(options, terminal))) ?? 0);
}

/** Flags that every command takes. */
export function common(command: Command): Command {
  return command
    .option('--json', 'data as JSON on standard output')
    .option('--debug', 'print the stack of an unexpected error');
}

/** `--as NAME`. */
export function withActor(command: Command): Command {
  return common(command).option('--as <name>', 'who asks (default: the user of this machine)');
}

/** For options that may stand several times. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
