import { type Command, Option } from 'commander';
import { VERIFY_EXIT_MEANINGS } from '../exit-codes.ts';
import type { ExportOptions, RecoverOptions, SearchOptions, VerifyOptions } from '../options.ts';
import { pairs } from '../output/table.ts';
import { collect, common, type Run } from '../run-command.ts';
import type { CommonOptions } from '../shell.ts';

export function logCommands(program: Command, run: Run): void {
  const actions = () => import('../actions/log.ts');
  const log = program.command('log').description('the log of what was destroyed');

  searchCommand(log, run);

  common(log.command('export'))
    .description('the ledger as static files for an auditor, and lines that people can read')
    .requiredOption('--to <folder>', 'where to write; an earlier export there is continued')
    .addOption(
      new Option('--extract <format>', 'also one line per destroyed record').choices([
        'csv',
        'jsonl',
      ]),
    )
    .option('--class <class>', 'only this record class, in the extract')
    .option('--from <time>', 'executed from this day or RFC 3339 instant on (UTC), in the extract')
    .option(
      '--to-date <time>',
      'executed through this day, or before this RFC 3339 instant (UTC), in the extract',
    )
    .action((options: ExportOptions) =>
      run(options, async (shell) =>
        (await import('../actions/log-export.ts')).exportTo(shell, options),
      ),
    );

  verifyCommand(log, run);

  common(log.command('recover'))
    .description('bring the ledger back from its published copy after a database was restored')
    .requiredOption('--dir <folder>', 'the published copy')
    .option('--lost-hold <hold>', 'a hold that the restore took away; may be repeated', collect)
    .action((options: RecoverOptions) =>
      run(options, async (shell) =>
        (await import('../actions/log-recover.ts')).recover(shell, options),
      ),
    );

  common(log.command('lookup <class> <key...>'))
    .description('the entry of one destroyed record')
    .action((name: string, key: string[], options: CommonOptions) =>
      run(options, async (shell) => (await actions()).lookup(shell, name, key)),
    );
}

function searchCommand(log: Command, run: Run): void {
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
        (await import('../actions/log.ts')).search(shell, options),
      ),
    );
}

const SUMMARY = 'check a published log with nothing but its files and a policy';

function verifyCommand(log: Command, run: Run): void {
  common(log.command('verify'))
    .summary(SUMMARY)
    .description([SUMMARY, ...exitCodes()].join('\n'))
    .option('--dir <folder>', 'the folder with the log')
    .option('--url <address>', 'the http or https address that its files are below')
    .requiredOption('--policy <file>', 'whom to trust: keys of the log and of its witnesses')
    .option('--origin <name>', 'which log it must be, when the policy trusts several')
    .option('--since <file>', 'an older checkpoint that the log must continue')
    .option('--max-age <time>', 'no older than this: 45s, 30m, 2h or 7d')
    .option('--sample <n>', 'prove only so many entries, chosen by chance; verifies nothing else')
    .option('--database', 'also compare the databases with it, both ways (needs DATABASE_URL)')
    .option('--no-save', 'do not keep the checkpoint for the next time')
    .action((options: VerifyOptions) =>
      run(options, async (shell) =>
        (await import('../actions/log-verify.ts')).verify(shell, options),
      ),
    );
}

function exitCodes(): string[] {
  const rows = VERIFY_EXIT_MEANINGS.map(([code, meaning]) => [String(code), meaning] as const);
  return ['', 'Exit codes of this command:', ...pairs(rows)];
}
