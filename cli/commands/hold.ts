import type { Command } from 'commander';
import type { PlaceOptions } from '../options.ts';
import { collect, common, type Run, withActor } from '../run-command.ts';
import type { CommonOptions } from '../shell.ts';

export function holdCommands(program: Command, run: Run): void {
  const actions = () => import('../actions/hold.ts');
  const hold = program.command('hold').description('legal holds: nothing they cover is destroyed');

  withActor(hold.command('place'))
    .description('place a hold; it is in force when this command answers')
    .requiredOption('--matter <id>', 'the matter it belongs to')
    .option('--open-matter <title>', 'open the matter with this title first')
    .option(
      '--key <record>',
      'a record: --key CLASS KEY... or --key class:key; may be repeated',
      collect,
    )
    .option(
      '--subject <kind:id>',
      'everything about a subject, in all classes; may be repeated',
      collect,
    )
    .option(
      '--reason <word>',
      'litigation, complaint, investigation, inquiry or restriction',
      'litigation',
    )
    .requiredOption('--because <text>', 'why, for whoever reviews it')
    .requiredOption('--review <day>', 'when it is looked at again: YYYY-MM-DD')
    .action((options: PlaceOptions) =>
      run(options, async (shell) => (await actions()).place(shell, options)),
    );

  common(hold.command('list'))
    .description('holds, the released ones too')
    .option('--matter <id>', 'only those of this matter')
    .action((options: CommonOptions & { matter?: string }) =>
      run(options, async (shell) => (await actions()).list(shell, options)),
    );

  for (const name of ['show', 'receipt']) {
    common(hold.command(`${name} <hold>`))
      .description('from when a hold holds, what it covers now, what it came too late for')
      .action((id: string, options: CommonOptions) =>
        run(options, async (shell) => (await actions()).receipt(shell, id)),
      );
  }

  withActor(hold.command('release <hold>'))
    .description('release a hold; records under another hold stay held')
    .requiredOption('--because <text>', 'why')
    .action((id: string, options: CommonOptions & { as?: string; because: string }) =>
      run(options, async (shell) => (await actions()).release(shell, id, options)),
    );
}
