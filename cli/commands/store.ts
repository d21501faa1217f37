import type { Command } from 'commander';
import type { StoreOptions } from '../options.ts';
import { common, type Run } from '../run-command.ts';

export function storeCommands(program: Command, run: Run): void {
  const actions = () => import('../actions/store.ts');
  const store = program.command('store').description('the governed databases and their guard');
  const file = (command: Command) =>
    common(command).option('--file <file>', 'use this schedule file instead of the one in force');

  file(store.command('install [store]'))
    .description(
      'install or update the guard (and the control database); all stores when none is named',
    )
    .action((name: string | undefined, options: StoreOptions) =>
      run(options, async (shell) => (await actions()).install(shell, name, options)),
    );

  file(store.command('check [store]'))
    .description('guard, rights missing and in excess, tables against the schedule')
    .action((name: string | undefined, options: StoreOptions) =>
      run(options, async (shell) => (await actions()).check(shell, name, options)),
    );

  file(store.command('uninstall [store]'))
    .description("remove the guard's functions and rights; the log stays")
    .option('--yes', 'do not ask')
    .action((name: string | undefined, options: StoreOptions) =>
      run(options, async (shell) => (await actions()).uninstall(shell, name, options)),
    );

  file(store.command('script [store]'))
    .description('print the SQL that install would run, for review')
    .action((name: string | undefined, options: StoreOptions) =>
      run(options, async (shell) => (await actions()).script(shell, name, options)),
    );

  file(store.command('list'))
    .description('stores of the schedule')
    .action((options: StoreOptions) =>
      run(options, async (shell) => (await actions()).list(shell, options)),
    );
}
