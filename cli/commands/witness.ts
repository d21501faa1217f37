import type { Command } from 'commander';
import type { WitnessOptions } from '../options.ts';
import { common, type Run } from '../run-command.ts';

export function witnessCommands(program: Command, run: Run): void {
  common(program.command('witness'))
    .description(
      'cosign the heads of logs that only ever grow; for an auditor, on a machine of their own',
    )
    .requiredOption('--dir <folder>', "the witness's own folder: its key and what it has seen")
    .requiredOption('--name <name>', 'the name it signs with, such as witness.auditor.example/w1')
    .requiredOption('--policy <file>', 'the logs to watch: the `log` lines of a policy file')
    .option('--port <n>', 'where to listen; 0 takes any free port', '7464')
    .option('--host <address>', 'beyond 127.0.0.1 put TLS before it', '127.0.0.1')
    .action((options: WitnessOptions) =>
      run(options, async (shell) =>
        (await import('../actions/witness.ts')).witness(shell, options),
      ),
    );
}
