/** `log verify --database`: the tables against the log that was just verified, both ways. */
import type { VerifiedLog } from '../../app/ledger/compare-database.ts';
import { table } from '../output/table.ts';
import { counted } from '../output/words.ts';
import { type Shell, withRetain } from '../shell.ts';

/** `log verify --help`: the database differs from the published log. */
const DIFFERS = 16;
const WARNED = 1;
const FINDINGS_MAX = 100;
const TITLES = ['code', 'source', 'table', 'row', 'columns', 'what is wrong'];
const NOT_VERIFIED = 'Everything: only a log that is verified whole can judge the databases.';

interface Compared {
  readonly rows: string[][];
  found: number;
  errors: number;
  /** What could not be compared, and why. */
  readonly skipped: string[];
}

/** Answers the exit code: 0, 1 for what only asks for a look or was skipped, 16 when anything differs. */
export async function compareWithDatabase(shell: Shell, log: VerifiedLog): Promise<number> {
  const { compareDatabase } = await import('../../app/ledger/compare-database.ts');
  const compared: Compared = { rows: [], found: 0, errors: 0, skipped: [] };
  await withRetain(shell, async (retain) => {
    const onSkipped = (what: string): void => void compared.skipped.push(what);
    for await (const finding of compareDatabase(retain, log, { onSkipped })) {
      compared.found += 1;
      if (finding.severity === 'error') compared.errors += 1;
      if (shell.json) shell.print(JSON.stringify({ finding }));
      if (compared.found > FINDINGS_MAX) continue;
      const { code, source, row = '', columns = [], message } = finding;
      compared.rows.push([code, source, finding.table, row, columns.join(', '), message]);
    }
  });
  print(shell, compared);
  if (compared.errors > 0) return DIFFERS;
  return compared.found + compared.skipped.length > 0 ? WARNED : 0;
}

/** Says that nothing was compared, in the words and in the JSON of a comparison. */
export function printNotCompared(shell: Shell): void {
  if (shell.json) printJson(shell, 0, [NOT_VERIFIED]);
  else shell.note(`Not compared: ${NOT_VERIFIED}`);
}

function print(shell: Shell, { rows, found, errors, skipped }: Compared): void {
  if (shell.json) {
    printJson(shell, found, skipped);
    return;
  }
  shell.print(
    ...verdict(found, errors, skipped),
    ...skipped.map((what) => `  not compared: ${what}`),
  );
  const columns = TITLES.map((title) => ({ title }));
  if (found > 0) shell.print(...table(columns, rows));
  if (found > rows.length) shell.print(`  and ${counted(found - rows.length, 'finding')} more`);
}

function verdict(found: number, errors: number, skipped: readonly string[]): string[] {
  const partly = skipped.length === 0 ? '' : `; ${counted(skipped.length, 'check')} skipped`;
  if (errors > 0) {
    return [
      `The databases DIFFER from the log: ${counted(errors, 'difference')}${partly} (exit code ${DIFFERS}).`,
    ];
  }
  if (found + skipped.length === 0) return ['The databases say what the log says, both ways.'];
  return [
    `The databases say what the log says, as far as they were compared${partly} (exit code ${WARNED}).`,
  ];
}

function printJson(shell: Shell, differences: number, skipped: readonly string[]): void {
  shell.print(JSON.stringify({ database: { differences, skipped } }));
}
