import { type Command, Option } from 'commander';
import { common, type Run } from '../run-command.ts';
import type { CommonOptions } from '../shell.ts';

export function keysCommands(program: Command, run: Run): void {
  const actions = () => import('../actions/keys.ts');
  const keys = program.command('keys').description('the keys of the ledger and of its references');

  common(keys.command('init'))
    .description('make the keys that are missing and begin the ledger')
    .requiredOption(
      '--origin <name>',
      'name of the log for ever, such as retain.example.com/housing',
    )
    .action((options: CommonOptions & { origin: string }) =>
      run(options, async (shell) => (await actions()).init(shell, options.origin)),
    );

  common(keys.command('list'))
    .description('which keys the ledger knows, and since which entry')
    .action((options: CommonOptions) =>
      run(options, async (shell) => (await actions()).list(shell)),
    );

  common(keys.command('policy'))
    .description('the policy file that an auditor verifies this log with')
    .action((options: CommonOptions) =>
      run(options, async (shell) => (await actions()).policy(shell)),
    );

  common(keys.command('rotate'))
    .description('make a new worker key, or a new log key that signs beside the old one')
    .addOption(
      new Option('--role <role>', 'which key').choices(['worker', 'log']).default('worker'),
    )
    .action((options: CommonOptions & { role: 'worker' | 'log' }) =>
      run(options, async (shell) => (await actions()).rotate(shell, options.role)),
    );

  common(keys.command('revoke <name>'))
    .description('end a worker key, or the log key that a new one has replaced')
    .action((name: string, options: CommonOptions) =>
      run(options, async (shell) => (await actions()).revoke(shell, name)),
    );

  common(keys.command('epochs'))
    .description('the epoch keys, until when each is kept, and what keeps one that should be gone')
    .action((options: CommonOptions) =>
      run(options, async (shell) => (await actions()).listEpochKeys(shell)),
    );

  common(keys.command('destroy-epoch <epoch>'))
    .description('destroy an epoch key: its references can then be connected to nobody')
    .option('--yes', 'do not ask')
    .action((epoch: string, options: CommonOptions & { yes?: boolean }) =>
      run(options, async (shell) => (await actions()).destroyEpoch(shell, epoch, options)),
    );
}
