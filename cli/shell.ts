/** What a command has to work with: where to print, who asks, what the environment says. */
import { userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import type { OpenRetain } from '../app/open-retain.ts';
import type { TemporalLink } from '../app/temporal-client.ts';
import type { Env, EnvSource } from '../config/env.ts';
import { RetentionError } from '../domain/errors.ts';
import { makePaint, type Paint, wantsColour } from './output/paint.ts';

/** Flags that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** What surrounds the program: a terminal and an environment, or those of a test. */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** Of this process when missing. */
  readonly environment?: EnvSource;
}

export interface Shell {
  readonly terminal: Terminal;
  readonly json: boolean;
  /** A person sees what is printed, and can be asked. */
  readonly interactive: boolean;
  readonly paint: Paint;
  /** Data, on standard output. */
  print(...lines: readonly string[]): void;
  /** Everything else, on standard error; silent in JSON mode. */
  note(...lines: readonly string[]): void;
  /** One JSON document with `schemaVersion`. */
  data(value: Readonly<Record<string, unknown>>): void;
  /** Asks on standard error. Only when `interactive`. */
  ask(question: string): Promise<string>;
}

/** Changes of meaning get another number; new fields do not. */
const SCHEMA_VERSION = 1;

export async function makeShell(options: CommonOptions, terminal: Terminal): Promise<Shell> {
  const json = options.json === true;
  const { stdin, stdout, stderr } = terminal;
  const interactive = !json && stdin.isTTY === true && stderr.isTTY === true;
  return {
    terminal,
    json,
    interactive,
    paint: makePaint(!json && wantsColour(await anyVariable(terminal), stdout.isTTY === true)),
    print: (...lines) => void stdout.write(`${lines.join('\n')}\n`),
    note: (...lines) => {
      if (!json) stderr.write(`${lines.join('\n')}\n`);
    },
    data: (value) =>
      void stdout.write(
        `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...value }, null, 2)}\n`,
      ),
    ask: async (question) => {
      const lines = createInterface({ input: stdin, output: stderr });
      try {
        return (await lines.question(question)).trim();
      } finally {
        lines.close();
      }
    },
  };
}

/** The environment, checked. */
export async function environment({ terminal }: Pick<Shell, 'terminal'>): Promise<Env> {
  const { readEnv } = await import('../config/env.ts');
  return readEnv(terminal.environment);
}

/** Colours must not fail because a setting of something else is wrong. */
async function anyVariable(terminal: Terminal): Promise<(name: string) => string | undefined> {
  try {
    return (await environment({ terminal })).variable;
  } catch {
    return () => undefined;
  }
}

/** Runs `work` with the databases open, and closes them. */
export async function withRetain<T>(
  shell: Shell,
  work: (retain: OpenRetain) => Promise<T>,
  options: { readonly migrate: boolean } = { migrate: false },
): Promise<T> {
  const { openRetain } = await import('../app/open-retain.ts');
  const retain = await openRetain(await environment(shell), options);
  try {
    return await work(retain);
  } finally {
    await retain.end();
  }
}

/** Runs `work` with a connection to Temporal, or throws `TEMPORAL_UNAVAILABLE` before anything else. */
export async function withTemporal<T>(
  shell: Shell,
  work: (link: TemporalLink) => Promise<T>,
): Promise<T> {
  const link = await openTemporal(shell);
  try {
    return await work(link);
  } finally {
    await link.close();
  }
}

export async function openTemporal({ terminal }: Shell): Promise<TemporalLink> {
  const { temporalConnectConfig } = await import('../config/env.ts');
  const { connectTemporal } = await import('../app/temporal-client.ts');
  const { connectionOptions, namespace } = temporalConnectConfig(terminal.environment);
  return connectTemporal({ connectionOptions, namespace });
}

/** Who asks: `--as`, else the user of this machine. */
export function actor(options: { readonly as?: string }): string {
  if (options.as !== undefined) return options.as;
  try {
    return userInfo().username;
  } catch {
    throw new RetentionError('USAGE', 'This user has no name. Say who you are with --as NAME.');
  }
}
