/** Arguments in, words and an exit code out. */
import { CommanderError } from 'commander';
import { RetentionError } from '../domain/errors.ts';
import { groupKeys } from './arguments.ts';
import { EXIT, exitCodeOf, verifyExitCodeOf } from './exit-codes.ts';
import { makeProgram } from './program.ts';
import { runner } from './run-command.ts';
import type { Terminal } from './shell.ts';

/** Runs one command line and answers its exit code. */
export async function commandLine(argv: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = makeProgram(
    runner(terminal, (code) => {
      exitCode = code;
    }),
    terminal,
  );
  try {
    await program.parseAsync(groupKeys(argv), { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    const known = error instanceof CommanderError ? usage(error) : error;
    printError(terminal, known, { json: argv.includes('--json'), debug: argv.includes('--debug') });
    const isVerification = ['log', 'cert'].includes(argv[0] ?? '') && argv[1] === 'verify';
    return isVerification ? verifyExitCodeOf(known) : exitCodeOf(known);
  }
}

function usage(error: CommanderError): RetentionError {
  if (error.code === 'commander.help') {
    return new RetentionError('USAGE', 'Say which command; the list is above.');
  }
  const message = error.message.replace(/^error: /, '').replace(/\n/g, ' ');
  // What looks like an option to commander may be a key.
  if (error.code === 'commander.unknownOption' && !/^unknown option '--[a-z]/.test(message)) {
    return new RetentionError(
      'USAGE',
      'There is no such option. A value that begins with - goes after -- at the end of the line.',
    );
  }
  return new RetentionError(
    'USAGE',
    `${message[0]?.toUpperCase() ?? ''}${message.slice(1)}.`.replace(
      /\.\.$|\)\.$/,
      (end) => end[0] ?? '',
    ),
  );
}

/** One line for people, one object for programs. What is not ours may quote values and is not repeated. */
function printError(
  { stderr }: Terminal,
  error: unknown,
  { json, debug }: { readonly json: boolean; readonly debug: boolean },
): void {
  const ours = error instanceof RetentionError;
  const code = ours ? error.code : 'INVARIANT_BROKEN';
  const message = ours
    ? error.message
    : 'Something failed that should not. Run it again with --debug and report what it prints.';
  const facts = ours ? error.facts : {};
  stderr.write(
    json
      ? `${JSON.stringify({ error: { code, message, facts } })}\n`
      : `error ${code}: ${message}\n`,
  );
  if (debug && error instanceof Error) stderr.write(`${error.stack ?? error.message}\n`);
}
