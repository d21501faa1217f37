/** One record looked up among many that were destroyed, appended and signed as everything is. */
import { findDestroyed } from '../app/destroyed-records.ts';
import { lookupInLog } from '../app/log.ts';
import { connectStore } from '../stores/postgres/connection.ts';
import { storeLedger } from '../stores/postgres/ledger-source.ts';
import { addDue } from './data.ts';
import { type Figure, timesOf } from './figures.ts';
import { type Governed, STORE } from './governed.ts';
import { keeperOf } from './keeper.ts';
import type { BenchServer } from './server.ts';

export interface LookupOptions {
  /** Records in the log. */
  readonly logged: number;
  readonly onProgress: (line: string) => void;
}

/** Ids that were destroyed once each: others were, in every timed run, and have as many entries. */
interface Ids {
  readonly first: number;
  readonly last: number;
}

const LANES = 2;
const LIMIT_MS = 50;
const MOST_A_RUN = 1_000_000;
const FEWEST = 10_000;
const FIRST_ID = 1_000_000_001;
/** Spreads the questions over the ids, and so over runs and batches. */
const STRIDE = 7_919;
const CLASS = 'record';

/** Destroys as many records as the log lacks, run after run, and then asks for some of them. */
export async function measureLookup(
  server: BenchServer,
  governed: Governed,
  { logged, onProgress }: LookupOptions,
): Promise<Figure[]> {
  const ids = await fill(server, governed, { logged, onProgress });
  for (const table of ['batch', 'batch_sealed']) {
    await server.sql.unsafe(`vacuum (analyze) retain_guard.${table}`);
  }
  const { records, batches, runs } = await inTheLog(server);
  onProgress(`${told(records)} records, ${told(batches)} batches, ${told(runs)} runs`);
  return ask(server, governed, ids, `among ${told(records)}`);
}

async function fill(
  server: BenchServer,
  governed: Governed,
  { logged, onProgress }: LookupOptions,
): Promise<Ids> {
  const worker = await connectStore(STORE, server.url, 'retain_worker', { maxConnections: 2 });
  try {
    const keeper = keeperOf(governed, storeLedger(worker), []);
    await keeper.settle();
    let last = FIRST_ID - 1;
    let missing = Math.max(logged - (await inTheLog(server)).records, FEWEST);
    while (missing > 0) {
      const first = last + 1;
      last += Math.min(missing, MOST_A_RUN);
      await addDue(server.sql, first, last);
      const plan = await governed.lanesOnly.approvedPlan(LANES);
      await keeper.beside(() => governed.lanesOnly.carryOut(plan.document.run));
      const { records } = await inTheLog(server);
      onProgress(`${told(records)} records are in the log`);
      missing = logged - records;
    }
    return { first: FIRST_ID, last };
  } finally {
    await worker.end();
  }
}

async function inTheLog(
  server: BenchServer,
): Promise<{ records: number; batches: number; runs: number }> {
  const [row] = await server.sql<{ records: string; batches: string; runs: string }[]>`
    select coalesce(sum(destroyed), 0)::text as records, count(*)::text as batches,
           count(distinct run_id)::text as runs
      from retain_guard.batch where record_class = ${CLASS}`;
  const { records = '0', batches = '0', runs = '0' } = row ?? {};
  return { records: Number(records), batches: Number(batches), runs: Number(runs) };
}

async function ask(
  { url }: BenchServer,
  { retain }: Governed,
  ids: Ids,
  among: string,
): Promise<Figure[]> {
  const key = (nth: number): string[] => [
    String(ids.first + ((nth * STRIDE) % (ids.last - ids.first + 1))),
  ];
  const app = await connectStore(STORE, url, 'retain_app');
  const find = async (one: string[], entries: number): Promise<void> => {
    const found = await findDestroyed(retain, app, CLASS, [one]);
    if (found.length !== entries) throw new Error(`${found.length} entries of one record`);
  };
  try {
    return [
      await timesOf(`one record ${among}, connected`, LIMIT_MS, (nth) => find(key(nth), 1)),
      await timesOf('one that was never destroyed, connected', undefined, (nth) =>
        find([String(-nth)], 0),
      ),
      await timesOf(`one record ${among}, with connection and catalogue`, LIMIT_MS, (nth) =>
        lookupInLog(retain, CLASS, key(nth)),
      ),
    ];
  } finally {
    await app.end();
  }
}

function told(count: number): string {
  return count.toLocaleString('en-GB');
}
