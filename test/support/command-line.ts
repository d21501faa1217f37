/** The command line without a process around it: what it prints, and its exit code. */
import { PassThrough, Readable } from 'node:stream';
import { commandLine } from '../../cli/command-line.ts';

export interface Answer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `retain ...args` in this environment and no other; nobody is at the terminal. */
export async function retain(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const stdin = Readable.from([]);
  const exitCode = await commandLine(args, { stdin, stdout, stderr, environment });
  return { exitCode, stdout: read(stdout), stderr: read(stderr) };
}

export interface Person {
  /** What they type when they are asked. */
  readonly types: string;
}

/** The same with somebody at the terminal. */
export async function retainAsked(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  person: Person,
): Promise<Answer> {
  const stdin = Object.assign(Readable.from([`${person.types}\n`]), { isTTY: true });
  const stderr = Object.assign(new PassThrough(), { isTTY: true });
  const stdout = new PassThrough();
  const exitCode = await commandLine(args, { stdin, stdout, stderr, environment });
  return { exitCode, stdout: read(stdout), stderr: read(stderr) };
}

function read(stream: PassThrough): string {
  return String(stream.read() ?? '');
}
