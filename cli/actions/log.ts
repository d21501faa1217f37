import { type LogQuery, lookupInLog, searchLog } from '../../app/log.ts';
import { wholeNumber } from '../arguments.ts';
import { EXIT } from '../exit-codes.ts';
import type { SearchOptions } from '../options.ts';
import { logCsv, logTable, lookupLines } from '../output/log.ts';
import { type Shell, withRetain } from '../shell.ts';

export function search(shell: Shell, options: SearchOptions): Promise<number> {
  const query = logQuery(options);
  return withRetain(shell, async (retain) => {
    const page = await searchLog(retain, query);
    const { batches, nextCursor, store, zone } = page;
    if (shell.json) {
      shell.data({ store, batches, nextCursor: nextCursor ?? null });
    } else if (options.format === 'csv') {
      shell.terminal.stdout.write(logCsv(batches));
    } else if (batches.length === 0) {
      shell.note('Nothing in the log fits.');
    } else {
      shell.print(...logTable(batches, zone));
    }
    if (nextCursor !== undefined) shell.note(`More: the same command with --cursor ${nextCursor}`);
    return EXIT.ok;
  });
}

function logQuery(options: SearchOptions): LogQuery {
  const { store, rule, run, since, until, action, cursor } = options;
  return {
    limit: wholeNumber('--limit', options.limit),
    ...(options.class !== undefined && { recordClass: options.class }),
    ...(store !== undefined && { store }),
    ...(rule !== undefined && { rule }),
    ...(run !== undefined && { run }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(action !== undefined && { action }),
    ...(cursor !== undefined && { cursor }),
  };
}

export function lookup(shell: Shell, recordClass: string, key: readonly string[]): Promise<number> {
  return withRetain(shell, async (retain) => {
    const found = await lookupInLog(retain, recordClass, key);
    if (shell.json) shell.data({ ...found, found: found.entries.length > 0 });
    else shell.print(...lookupLines(found));
    return EXIT.ok;
  });
}
