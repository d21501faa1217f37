import type { Command } from 'commander';
import { common, type Run } from '../run-command.ts';
import type { CommonOptions } from '../shell.ts';

export function doctorCommand(program: Command, run: Run): void {
  common(program.command('doctor'))
    .description('look at everything Retain needs, and say what is not as it must be')
    .action((options: CommonOptions) =>
      run(options, async (shell) => (await import('../actions/doctor.ts')).doctor(shell)),
    );
}
