import { parseArgs } from 'node:util';
import { RetentionError } from '../../../domain/errors.ts';

export interface DemoOptions {
  readonly records: number;
  /** Leave servers, database and worker running. */
  readonly keep: boolean;
}

/** Throws `USAGE`. */
export function parseOptions(args: readonly string[]): DemoOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        records: { type: 'string', default: '200000' },
        keep: { type: 'boolean', default: false },
      },
    });
    const records = Number(values.records);
    if (!Number.isSafeInteger(records) || records < 1_000) {
      throw new TypeError('--records is a whole number of at least 1000');
    }
    return { records, keep: values.keep };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unreadable';
    const usage = 'npm run demo [-- --records 200000 --keep]';
    throw new RetentionError('USAGE', `${reason}. Usage: ${usage}`, {}, cause);
  }
}
