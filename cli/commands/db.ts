import type { Command } from 'commander';
import { common, type Run } from '../run-command.ts';
import { type CommonOptions, withRetain } from '../shell.ts';

export function dbCommands(program: Command, run: Run): void {
  const db = program.command('db').description('the control database');
  common(db.command('migrate'))
    .description('bring the control database up to date')
    .action((options: CommonOptions) =>
      run(options, (shell) =>
        withRetain(
          shell,
          async () => {
            shell.note('The control database is up to date.');
            return 0;
          },
          { migrate: true },
        ),
      ),
    );
}
