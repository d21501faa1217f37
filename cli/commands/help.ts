import type { Command } from 'commander';
import { RetentionError } from '../../domain/errors.ts';
import { EXIT_MEANINGS } from '../exit-codes.ts';
import { pairs } from '../output/table.ts';
import type { Terminal } from '../shell.ts';

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['DATABASE_URL', 'the control database: postgres://user:password@host:5432/database'],
  ['env:NAME of a store', 'the URL of that store, in the variable that the schedule names'],
  ['RETAIN_KEY_DIR', 'folder of the keys of ledger and epochs, absolute, for its owner only'],
  ['RETAIN_LEDGER_DIR', 'folder in which the worker publishes the ledger'],
  ['RETAIN_LEDGER_BUCKET', 'bucket for the same files: endpoint/bucket/folder, with AWS_REGION,'],
  ['', 'AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN'],
  ['RETAIN_LEDGER_LOCK_DAYS', 'days for which nobody can remove what is in the bucket'],
  ['RETAIN_LEDGER_POLICY', 'policy file whose witnesses must cosign what is published'],
  ['RETAIN_TSA_URL', 'timestamping authority (RFC 3161), asked daily and after every run'],
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
