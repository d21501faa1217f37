import type { Command } from 'commander';
import { common, type Run, withActor } from '../run-command.ts';
import type { CommonOptions } from '../shell.ts';

export function matterCommands(program: Command, run: Run): void {
  const actions = () => import('../actions/hold.ts');
  const matter = program.command('matter').description('cases and enquiries that holds belong to');

  withActor(matter.command('open <id>'))
    .description('open a matter')
    .requiredOption('--title <text>', 'what it is about')
    .action((id: string, options: CommonOptions & { as?: string; title: string }) =>
      run(options, async (shell) => (await actions()).openMatterNamed(shell, id, options)),
    );

  common(matter.command('list'))
    .description('matters and how many holds they have in force')
    .action((options: CommonOptions) =>
      run(options, async (shell) => (await actions()).matters(shell)),
    );
}
