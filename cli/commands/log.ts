import { type Command, Option } from 'commander';
import type { SearchOptions } from '../options.ts';
import { common, type Run } from '../run-command.ts';
import type { CommonOptions } from '../shell.ts';

export function logCommands(program: Command, run: Run): void {
  const actions = () => import('../actions/log.ts');
  const log = program.command('log').description('the log of what was destroyed');

  common(log.command('search'))
    .description('batches, newest first')
    .option('--store <store>', 'which store, when the schedule has several')
    .option('--class <class>', 'record class')
    .option('--rule <rule>', 'retention rule')
    .option('--run <id>', 'disposal run')
    .option('--since <time>', 'from this day or RFC 3339 instant on')
    .option('--until <time>', 'through this day, or before this RFC 3339 instant')
    .addOption(
      new Option('--action <word>', 'what was done').choices(['delete', 'anonymise', 'reduce']),
    )
    .option('--limit <n>', 'entries on a page, at most 200', '50')
    .option('--cursor <text>', 'the next page, as the page before said')
    .addOption(new Option('--format <format>', 'how to print').choices(['table', 'json', 'csv']))
    .action((options: SearchOptions) =>
      run({ ...options, json: options.json === true || options.format === 'json' }, async (shell) =>
        (await actions()).search(shell, options),
      ),
    );

  common(log.command('lookup <class> <key...>'))
    .description('the entry of one destroyed record')
    .action((name: string, key: string[], options: CommonOptions) =>
      run(options, async (shell) => (await actions()).lookup(shell, name, key)),
    );
}
