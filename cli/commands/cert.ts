import type { Command } from 'commander';
import type { CertOptions, CertVerifyOptions, RecordCertOptions } from '../options.ts';
import { pairs } from '../output/table.ts';
import { common, type Run } from '../run-command.ts';

export function certCommands(program: Command, run: Run): void {
  const actions = () => import('../actions/cert.ts');
  const cert = program.command('cert').description('certificates of destruction');

  files(common(cert.command('record <class> <key...>')))
    .description('the certificate of one destroyed record')
    .option('--entry <n>', 'which of its entries, 1 the oldest (default: the newest)')
    .action((name: string, key: string[], options: RecordCertOptions) =>
      run(options, async (shell) => (await actions()).record(shell, name, key, options)),
    );

  files(common(cert.command('run <run>')))
    .description('the certificate of a closed run')
    .action((name: string, options: CertOptions) =>
      run(options, async (shell) => (await actions()).run(shell, name, options)),
    );

  common(cert.command('verify <file>'))
    .description('check a certificate with nothing but a policy: no database, no network')
    .requiredOption('--policy <file>', 'whom to trust: keys of the log and of its witnesses')
    .addHelpText('after', () => exitCodes())
    .action((file: string, options: CertVerifyOptions) =>
      run(options, async (shell) =>
        (await import('../actions/cert-verify.ts')).verify(shell, file, options),
      ),
    );
}

function files(command: Command): Command {
  return command
    .option('--out <file>', 'write the certificate there (default: standard output)')
    .option('--pdf <file>', 'write it as a PDF too, with the certificate attached');
}

function exitCodes(): string {
  const rows: [string, string][] = [
    ['0', 'proven'],
    ['2', 'wrong usage'],
    ['10', 'the policy, the checkpoint or a signature on it or on the certificate is wrong'],
    ['11', 'not enough witnesses have cosigned'],
    ['12', 'an entry is not in the log that was signed'],
    ['14', 'the file is no certificate'],
    ['15', 'record, batch, keys, approval, words or timestamp contradict each other'],
    ['70', 'the verifier itself failed: nothing is known of the certificate'],
  ];
  return ['', 'Exit codes of this command:', ...pairs(rows)].join('\n');
}
