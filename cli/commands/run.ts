import type { Command } from 'commander';
import type { ControlOptions, DecideOptions, PlanOptions } from '../options.ts';
import { collect, common, type Run, withActor } from '../run-command.ts';
import type { CommonOptions } from '../shell.ts';

export function runCommands(program: Command, run: Run): void {
  const group = program.command('run').description('plan, approve, apply and watch disposal runs');
  planCommands(group, run);
  decisionCommands(group, run);
  controlCommands(group, run);
  watchCommands(group, run);
}

function planCommands(group: Command, run: Run): void {
  const actions = () => import('../actions/run-plan.ts');

  withActor(group.command('plan'))
    .description('count what is due and freeze it into a plan; destroys nothing')
    .option('--store <store>', 'which store, when the schedule has several')
    .option('--as-of <instant>', "judge by this past instant (default: the store's clock)")
    .option('--rule <rule>', 'only this rule; may be repeated', collect)
    .option('--lanes <n>', 'at most so many lanes side by side in one step')
    .action((options: PlanOptions) =>
      run(options, async (shell) => (await actions()).plan(shell, options)),
    );

  common(group.command('list'))
    .description('the newest runs and where they stand')
    .option('--limit <n>', 'how many', '20')
    .action((options: CommonOptions & { limit: string }) =>
      run(options, async (shell) => (await actions()).list(shell, options)),
    );

  common(group.command('show <id>'))
    .description('one run: plan, decision, what was done')
    .option('--sql', 'the exact statements and their digests')
    .action((id: string, options: CommonOptions & { sql?: boolean }) =>
      run(options, async (shell) => (await actions()).show(shell, id, options)),
    );
}

function decisionCommands(group: Command, run: Run): void {
  const actions = () => import('../actions/run-decide.ts');

  withActor(group.command('approve <id>'))
    .description('approve a plan that another person requested')
    .option('--confirm <digest>', 'the full digest of the plan, for scripts')
    .option('--yes', 'refused: an approval names what it approves')
    .action((id: string, options: DecideOptions) =>
      run(options, async (shell) => (await actions()).approve(shell, id, options)),
    );

  withActor(group.command('reject <id>'))
    .description('reject a plan')
    .action((id: string, options: DecideOptions) =>
      run(options, async (shell) => (await actions()).rejectPlan(shell, id, options)),
    );

  withActor(group.command('apply <id>'))
    .description('carry out an approved plan')
    .option('--watch', 'stay and watch')
    .action((id: string, options: CommonOptions & { as?: string; watch?: boolean }) =>
      run(options, async (shell) => (await actions()).applyPlan(shell, id, options)),
    );
}

function controlCommands(group: Command, run: Run): void {
  const actions = () => import('../actions/run-decide.ts');
  const words = [
    ['pause', 'pause', 'pause after the batch in hand; works with Temporal down'],
    ['resume', 'run', 'go on with a paused run'],
    ['stop', 'stop', 'end a run for good after the batch in hand; works with Temporal down'],
  ] as const;
  for (const [name, control, description] of words) {
    withActor(group.command(`${name} <id>`))
      .description(description)
      .requiredOption('--because <text>', 'why')
      .action((id: string, options: ControlOptions) =>
        run(options, async (shell) => (await actions()).steer(shell, id, control, options)),
      );
  }
}

function watchCommands(group: Command, run: Run): void {
  const actions = () => import('../actions/run-watch.ts');

  common(group.command('watch <id>'))
    .description('progress until the end; exit 0 completed, 7 incomplete')
    .action((id: string, options: CommonOptions) =>
      run(options, async (shell) => (await actions()).watch(shell, id)),
    );

  common(group.command('wait <id>'))
    .description('wait for the end without a word of progress; exit 0 completed, 7 incomplete')
    .action((id: string, options: CommonOptions) =>
      run(options, async (shell) => (await actions()).wait(shell, id)),
    );
}
