#!/usr/bin/env node
/** The command line: arguments in, words and an exit code out. */
import { CommanderError } from 'commander';
import { RetentionError } from '../domain/errors.ts';
import { groupKeys } from './arguments.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { makeProgram } from './program.ts';
import { runner } from './run-command.ts';

/** Runs one command line and answers its exit code. */
async function main(argv: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = makeProgram(
    runner((code) => {
      exitCode = code;
    }),
  );
  try {
    await program.parseAsync(groupKeys(argv), { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    const known = error instanceof CommanderError ? usage(error) : error;
    printError(known, argv.includes('--json'), argv.includes('--debug'));
    return exitCodeOf(known);
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
function printError(error: unknown, json: boolean, debug: boolean): void {
  const ours = error instanceof RetentionError;
  const code = ours ? error.code : 'INVARIANT_BROKEN';
  const message = ours
    ? error.message
    : 'Something failed that should not. Run it again with --debug and report what it prints.';
  const facts = ours ? error.facts : {};
  process.stderr.write(
    json
      ? `${JSON.stringify({ error: { code, message, facts } })}\n`
      : `error ${code}: ${message}\n`,
  );
  if (debug && error instanceof Error) process.stderr.write(`${error.stack ?? error.message}\n`);
}

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  throw error;
});

process.exitCode = await main(process.argv.slice(2));
