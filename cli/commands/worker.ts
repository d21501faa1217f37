import { type Command, Option } from 'commander';
import type { WorkerOptions } from '../options.ts';
import { common, type Run } from '../run-command.ts';
import type { CommonOptions } from '../shell.ts';

export function workerCommands(program: Command, run: Run): void {
  const actions = () => import('../actions/worker.ts');
  const worker = common(program.command('worker'))
    .description('carry out approved runs until SIGINT or SIGTERM')
    .addOption(
      new Option('--queue <name>', 'which work this process takes')
        .choices(['both', 'orchestrate', 'dispose'])
        .default('both'),
    )
    .option('--slots <n>', 'slices at the same time', '2')
    .action((options: WorkerOptions) =>
      run(options, async (shell) => (await actions()).work(shell, options)),
    );

  common(worker.command('health'))
    .description('does what a worker needs answer? for health checks')
    .action((options: CommonOptions) =>
      run(options, async (shell) => (await actions()).health(shell)),
    );
}
