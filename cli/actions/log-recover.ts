import { EXIT } from '../exit-codes.ts';
import { folderSource } from '../log-source.ts';
import type { RecoverOptions } from '../options.ts';
import { counted, listed } from '../output/words.ts';
import { type Shell, withRetain } from '../shell.ts';

/** The way out of LEDGER_BEHIND. */
export async function recover(shell: Shell, options: RecoverOptions): Promise<number> {
  const { recoverLedger } = await import('../../app/ledger/recover.ts');
  const source = folderSource(options.dir);
  const recovered = await withRetain(shell, (retain) =>
    recoverLedger(retain, source, options.lostHold ?? []),
  );
  if (shell.json) {
    shell.data({ ...recovered });
    return EXIT.ok;
  }
  const { entries, size, kept, runsAbandoned } = recovered;
  shell.print(`${counted(entries, 'entry')} came back: the ledger has ${counted(size, 'entry')}.`);
  if (kept > 0) {
    shell.print(
      `${counted(kept, 'batch')} that a store had lost are kept beside the tree. Their records may be there again: they are due.`,
    );
  }
  if (runsAbandoned.length > 0)
    shell.print(`Given up: ${listed(runsAbandoned.map((run) => `run ${run.slice(0, 4)}`))}.`);
  shell.note('Next: retain run plan, which finds again what the restore brought back.');
  return EXIT.ok;
}
