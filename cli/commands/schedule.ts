import type { Command } from 'commander';
import type { InstallOptions, WhenOptions } from '../options.ts';
import { collect, common, type Run, withActor } from '../run-command.ts';
import type { CommonOptions } from '../shell.ts';

export function scheduleCommands(program: Command, run: Run): void {
  const actions = () => import('../actions/schedule.ts');
  const schedule = program.command('schedule').description('the rules: check, install, ask');

  common(schedule.command('validate <file>'))
    .description('check a schedule file: syntax, shape, meaning, live databases, its own tests')
    .option('--offline', 'do not look at any database')
    .action((file: string, options: CommonOptions & { offline?: boolean }) =>
      run(options, async (shell) => (await actions()).validate(shell, file, options)),
    );

  withActor(schedule.command('install <file>'))
    .description('make a schedule the one in force, as the next version')
    .option('--allow-shorter <rule>', 'let this rule free records earlier than before', collect)
    .action((file: string, options: InstallOptions) =>
      run(options, async (shell) => (await actions()).install(shell, file, options)),
    );

  common(schedule.command('show'))
    .description('print the schedule in force')
    .option('--version <n>', 'an earlier version')
    .action((options: CommonOptions & { version?: string }) =>
      run(options, async (shell) => (await actions()).show(shell, options)),
    );

  common(schedule.command('history'))
    .description('versions, who installed them and when')
    .action((options: CommonOptions) =>
      run(options, async (shell) => (await actions()).history(shell)),
    );

  common(schedule.command('when <rule>'))
    .description('when may a record go whose trigger happened on this day?')
    .requiredOption('--trigger <day>', 'day (2020-02-29) or RFC 3339 instant')
    .option('--file <file>', 'ask this file, without any database')
    .action((rule: string, options: WhenOptions) =>
      run(options, async (shell) => (await actions()).when(shell, rule, options)),
    );
}
