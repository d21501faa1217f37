/** What the benchmark measures, and at which size. */
import { parseArgs } from 'node:util';

export const PARTS = [
  'ledger',
  'lookup',
  'speed',
  'per-record',
  'memory',
  'holds',
  'freeze',
  'planning',
] as const;
export type Part = (typeof PARTS)[number];

export interface BenchArguments {
  /** Records that are due, and destroyed in every timed run. */
  readonly records: number;
  /** Records in the table. */
  readonly of: number;
  /** Timed runs of each variant; medians are told. */
  readonly runs: number;
  /** Records in the log when one of them is looked up. */
  readonly logged: number;
  readonly parts: readonly Part[];
  readonly json: boolean;
}

export const USAGE = `npm run bench [-- OPTIONS]
  --records N   records due, destroyed in every timed run (200000)
  --of N        records in the table (1000000)
  --runs N      timed runs of each variant (5)
  --logged N    records in the log when one is looked up, up to 10000000 (1000000)
  --only NAME   one part: ${PARTS.join(', ')}
  --json        figures as JSON on the last line`;

/** Throws a sentence for a person when an argument is wrong. */
export function readArguments(args: readonly string[]): BenchArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: 'string', default: '200000' },
      of: { type: 'string', default: '1000000' },
      runs: { type: 'string', default: '5' },
      logged: { type: 'string', default: '1000000' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const records = positive('--records', values.records);
  const of = positive('--of', values.of);
  if (of < records * 2) throw new Error('--of must be at least twice --records.');
  const only = PARTS.find((part) => part === values.only);
  if (values.only !== undefined && only === undefined) {
    throw new Error(`--only is one of ${PARTS.join(', ')}.`);
  }
  return {
    records,
    of,
    runs: positive('--runs', values.runs),
    logged: positive('--logged', values.logged),
    parts: only === undefined ? PARTS : [only],
    json: values.json,
  };
}

function positive(name: string, text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new Error(`${name} must be a whole, positive number.`);
  return Number(text);
}
