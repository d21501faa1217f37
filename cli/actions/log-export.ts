import { resolve } from 'node:path';
import type { ExtractLine } from '../../app/ledger/extract.ts';
import type { LedgerStatus } from '../../app/ledger/status.ts';
import { RetentionError } from '../../domain/errors.ts';
import { EXIT } from '../exit-codes.ts';
import type { ExportOptions } from '../options.ts';
import { csv } from '../output/csv.ts';
import { counted } from '../output/words.ts';
import { type Shell, withRetain } from '../shell.ts';

/** How long an export waits for a worker to sign what was destroyed a moment ago. */
const SETTLE_MS = 30_000;

/** Writes the log for an auditor, up to the newest signed head. */
export async function exportTo(shell: Shell, options: ExportOptions): Promise<number> {
  const { exportLog } = await import('../../app/ledger/export.ts');
  const { settledLedger } = await import('../../app/ledger/status.ts');
  const dir = resolve(options.to);
  const filter = {
    recordClass: options.class,
    from: instantOf('--from', options.from, 0),
    until: instantOf('--to-date', options.toDate, 1),
  };
  const [status, exported] = await withRetain(shell, async (retain) => {
    const settled = await settledLedger(retain, SETTLE_MS);
    const format = options.extract === 'csv' ? csvLine : jsonLine;
    return [
      settled,
      await exportLog(retain, { dir, extract: options.extract, filter, format }),
    ] as const;
  });
  if (shell.json) {
    shell.data({ ...exported, dir, waiting: status.waiting });
    return EXIT.ok;
  }
  shell.print(
    `The ledger ${status.origin} is in ${options.to}: ${counted(exported.size, 'entry')}, signed ${exported.signedAt}.`,
  );
  if (options.extract !== undefined) {
    shell.print(
      `records.${options.extract} has ${counted(exported.lines, 'line')}, each with its index in the log.`,
    );
  }
  warnOfLag(shell, status);
  shell.note(`Next: retain log verify --dir ${options.to} --policy ${options.to}/policy.txt`);
  return EXIT.ok;
}

function warnOfLag(shell: Shell, { waiting, size, signedSize }: LedgerStatus): void {
  if (waiting === 0 && signedSize >= size) return;
  shell.note(
    `Statements or batches that are not in it yet: ${waiting}. A worker appends and signs them. Is one running?`,
  );
}

const COLUMNS = [
  'index',
  'reference',
  'store',
  'class',
  'action',
  'rule',
  'ruleVersion',
  'executedAt',
  'run',
  'batch',
  'headerIndex',
  'planSha256',
] as const satisfies readonly (keyof ExtractLine)[];

function csvLine(line: ExtractLine | undefined): string {
  return csv([line === undefined ? COLUMNS : COLUMNS.map((column) => line[column])]);
}

function jsonLine(line: ExtractLine | undefined): string {
  return line === undefined ? '' : `${JSON.stringify(line)}\n`;
}

const DAY_MS = 86_400_000;

/**
 * A day means its first instant in UTC, as the log's own times are UTC, or that of so many days later. With
 * microseconds, as in the log.
 */
function instantOf(flag: string, text: string | undefined, daysLater: number): string | undefined {
  if (text === undefined) return undefined;
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const millis = Date.parse(isDay ? `${text}T00:00:00Z` : text);
  if (Number.isNaN(millis) || !(isDay || /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(text))) {
    throw new RetentionError(
      'USAGE',
      `${flag} is a day (UTC) or an RFC 3339 instant that ends in Z.`,
    );
  }
  const at = millis + (isDay ? daysLater * DAY_MS : 0);
  return new Date(at).toISOString().replace(/Z$/, '000Z');
}
