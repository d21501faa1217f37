/** `log verify --database`: the tables against the log that was just verified, both ways. */
import type { VerifiedLog } from '../../app/ledger/compare-database.ts';
import { table } from '../output/table.ts';
import { counted } from '../output/words.ts';
import { type Shell, withRetain } from '../shell.ts';

/** `log verify --help`: the database differs from the published log. */
const DIFFERS = 16;
const WARNED = 1;
const FINDINGS_MAX = 100;

/** Answers the exit code: 0, 1 for what only asks for a look, 16 when anything differs. */
export async function compareWithDatabase(shell: Shell, log: VerifiedLog): Promise<number> {
  const { compareDatabase } = await import('../../app/ledger/compare-database.ts');
  const rows: string[][] = [];
  let found = 0;
  let errors = 0;
  await withRetain(shell, async (retain) => {
    const skipped = (what: string): void => shell.note(`Not compared: ${what}`);
    for await (const finding of compareDatabase(retain, log, { onSkipped: skipped })) {
      found += 1;
      if (finding.severity === 'error') errors += 1;
      if (shell.json) shell.print(JSON.stringify({ finding }));
      if (found > FINDINGS_MAX) continue;
      const { code, source, row = '', columns = [], message } = finding;
      rows.push([code, source, finding.table, row, columns.join(', '), message]);
    }
  });
  if (shell.json) shell.print(JSON.stringify({ database: { differences: found } }));
  else if (found === 0) shell.print('The databases say what the log says, both ways.');
  else {
    const titles = ['code', 'source', 'table', 'row', 'columns', 'what is wrong'];
    shell.print(
      errors === 0
        ? 'The databases say what the log says, as far as it goes.'
        : `The databases DIFFER from the log: ${counted(errors, 'difference')} (exit code ${DIFFERS}).`,
      ...table(
        titles.map((title) => ({ title })),
        rows,
      ),
    );
  }
  if (errors > 0) return DIFFERS;
  return found > 0 ? WARNED : 0;
}
