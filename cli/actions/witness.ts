import { once } from 'node:events';
import { resolve } from 'node:path';
import { RetentionError } from '../../domain/errors.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import { EXIT } from '../exit-codes.ts';
import type { WitnessOptions } from '../options.ts';
import { readUpTo } from '../read-file.ts';
import type { Shell } from '../shell.ts';

const POLICY_BYTES_MAX = 65_536;
const HIGHEST_PORT = 65_535;

/** Serves until a signal. One line per request on standard output; nothing of a log but its name. */
export async function witness(shell: Shell, options: WitnessOptions): Promise<number> {
  const { startWitness } = await import('../../app/witness/server.ts');
  const file = readUpTo(resolve(options.policy), POLICY_BYTES_MAX + 1);
  if (file === undefined || file.length > POLICY_BYTES_MAX) {
    throw new RetentionError('USAGE', 'There is no such policy file. Name it with --policy FILE.');
  }
  const { logs } = parsePolicy(file);
  const running = await startWitness({
    dir: resolve(options.dir),
    name: options.name,
    logs: logs.map(({ verifier }) => verifier),
    port: portOf(options.port),
    host: options.host,
    report: ({ status, origin }) =>
      shell.print(`${new Date().toISOString()} ${status} ${origin ?? '-'}`),
  });
  shell.print(
    `Watching ${logs.map(({ verifier }) => verifier.name).join(', ')}. The line for the policy of the log and of every auditor:`,
    `  witness ${options.name.replaceAll('/', '_')} ${running.vkey} ${running.url}`,
  );
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await running.close();
  return EXIT.ok;
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= HIGHEST_PORT) return port;
  throw new RetentionError('USAGE', `--port is a whole number from 0 to ${HIGHEST_PORT}.`);
}
