import type { Command } from 'commander';
import { RetentionError } from '../../domain/errors.ts';
import { EXIT_MEANINGS } from '../exit-codes.ts';
import { pairs } from '../output/table.ts';
import type { Terminal } from '../shell.ts';

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['DATABASE_URL', 'the control database: postgres://user:password@host:5432/database'],
  ['env:NAME of a store', 'the URL of that store, in the variable that the schedule names'],
  ['RETAIN_KEY_DIR', 'folder of the epoch keys, absolute, for its owner only'],
  ['RETAIN_LOG_LEVEL', 'fatal, error, warn, info (default), debug, trace or silent'],
  ['TEMPORAL_ADDRESS', 'host:port of the Temporal server'],
  ['TEMPORAL_NAMESPACE', 'its namespace; TEMPORAL_TLS_* and profiles as in every Temporal tool'],
  ['NO_COLOR, FORCE_COLOR', 'no colours, or colours always'],
];

/** `retain help`, `retain help run plan`, and topics that are no commands. */
export function helpCommand(program: Command, { stdout }: Terminal): void {
  program
    .command('help [topic...]')
    .description('help for a command, or for exit-codes or environment')
    .action((topic: string[]) => {
      stdout.write(`${helpText(program, topic)}\n`);
    });
}

function helpText(program: Command, topic: readonly string[]): string {
  if (topic[0] === 'exit-codes') {
    const rows = EXIT_MEANINGS.map(([code, meaning]): [string, string] => [String(code), meaning]);
    return ['Exit codes', ...pairs(rows)].join('\n');
  }
  if (topic[0] === 'environment') return ['Environment', ...pairs(ENVIRONMENT)].join('\n');
  let command: Command | undefined = program;
  for (const word of topic) command = command?.commands.find((child) => child.name() === word);
  if (command) return command.helpInformation().trimEnd();
  throw new RetentionError(
    'USAGE',
    'There is no such topic. Topics: the commands, exit-codes, environment.',
  );
}
