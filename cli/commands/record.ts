import type { Command } from 'commander';
import { common, type Run } from '../run-command.ts';
import type { CommonOptions } from '../shell.ts';

export function recordCommands(program: Command, run: Run): void {
  const record = program.command('record').description('single records');
  common(record.command('explain <class> <key...>'))
    .description('why a record stays, or when it may go')
    .action((name: string, key: string[], options: CommonOptions) =>
      run(options, async (shell) =>
        (await import('../actions/record.ts')).explain(shell, name, key),
      ),
    );
}
