import type { Checked } from '../../app/checked.ts';
import { examine } from '../../app/doctor.ts';
import { EXIT } from '../exit-codes.ts';
import { table } from '../output/table.ts';
import { environment, type Shell, withTemporal } from '../shell.ts';

export async function doctor(shell: Shell): Promise<number> {
  const checks = await examine(await environment(shell), () =>
    withTemporal(shell, async ({ client }) => {
      const { queryLedgerKeeping } = await import('../../app/ledger/ask-keeper.ts');
      return queryLedgerKeeping(client);
    }),
  );
  const bad = checks.some(({ state }) => state === 'error');
  if (shell.json) shell.data({ ok: !bad, checks });
  else shell.print(...checkLines(checks));
  return bad ? EXIT.unverified : EXIT.ok;
}

function checkLines(checks: readonly Checked[]): string[] {
  const [, ...lines] = table(
    ['', '', '', ''].map((title) => ({ title })),
    checks.map(({ what, state, code, message }) => [state, what, code ?? '', message]),
  );
  return lines;
}
