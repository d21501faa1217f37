/** What the ledger costs: the run beside it, how far it is behind, what it stores, and how fast it is read. */
import { fork } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { recordCertificate } from '../app/certificates/record-certificate.ts';
import { folderSink } from '../app/ledger/folder-sink.ts';
import { startingPolicy } from '../app/ledger/key-admin.ts';
import { connectStore } from '../stores/postgres/connection.ts';
import { storeLedger } from '../stores/postgres/ledger-source.ts';
import { refill } from './data.ts';
import { type Figure, median, target, timesOf } from './figures.ts';
import { type Governed, STORE } from './governed.ts';
import { keeperOf, type Lag } from './keeper.ts';
import type { BenchServer } from './server.ts';

export interface LedgerOptions {
  readonly records: number;
  readonly runs: number;
  readonly onProgress: (line: string) => void;
}

/** What the verifying child is told, as its only argument. */
export interface VerifyTask {
  readonly dir: string;
  readonly policy: string;
}

export interface VerifyAnswer {
  readonly entries: number;
  readonly ms: number;
  readonly peakKilobytes: number;
  readonly verdict: string;
}

const LANES = 2;
const CHILD = fileURLToPath(new URL('./verify-child.ts', import.meta.url));

/** Runs with and without a ledger kept beside them, in turns; then the ledger that came of it is read. */
export async function measureLedger(
  server: BenchServer,
  governed: Governed,
  { records, runs, onProgress }: LedgerOptions,
): Promise<Figure[]> {
  const dir = join(server.dir, 'ledger');
  rmSync(dir, { recursive: true, force: true });
  const connection = await connectStore(STORE, server.url, 'retain_worker', { maxConnections: 2 });
  try {
    const keeper = keeperOf(governed, storeLedger(connection), [folderSink(dir)]);
    const alone: number[] = [];
    const beside: number[] = [];
    const lags: Lag[] = [];
    for (let round = 0; round <= runs; round += 1) {
      const without = await timedRun(server, governed, records);
      await keeper.settle();
      const kept = await keeper.beside(() => timedRun(server, governed, records));
      onProgress(
        `${round === 0 ? 'warm-up' : `round ${round}/${runs}`}: ${Math.round(without)}/s alone, ${Math.round(kept.answer)}/s with the ledger; ` +
          `signed ${Math.round(kept.lag.signedMs)} ms, published ${Math.round(kept.lag.publishedMs)} ms after the end`,
      );
      if (round === 0) continue;
      alone.push(without);
      beside.push(kept.answer);
      lags.push(kept.lag);
    }
    const ratio = median(beside) / median(alone);
    return [
      rates('two lanes, no ledger kept', alone, 1),
      {
        ...rates('two lanes, appended, signed and published', beside, ratio),
        target: target(ratio, '>=', 0.97),
      },
      ...lagFigures(lags),
      await bytesPerRecord(server, records * 2 * (runs + 1)),
      ...(await verifying(governed, dir)),
      await timesOf('a certificate of one record', 100, (nth) =>
        recordCertificate(governed.retain, 'record', [String(nth)]),
      ),
    ];
  } finally {
    await connection.end();
  }
}

async function timedRun(server: BenchServer, governed: Governed, records: number): Promise<number> {
  await refill(server.sql, records);
  const plan = await governed.lanesOnly.approvedPlan(LANES);
  const startedAt = performance.now();
  await governed.lanesOnly.carryOut(plan.document.run);
  return (records * 1_000) / (performance.now() - startedAt);
}

/** The worst of the runs. */
function lagFigures(lags: readonly Lag[]): Figure[] {
  const signedMs = Math.max(...lags.map((lag) => lag.signedMs));
  const publishedMs = Math.max(...lags.map((lag) => lag.publishedMs));
  return [
    {
      what: 'from the end of a run until all of it was signed',
      value: signedMs,
      unit: 'ms',
      target: target(signedMs, '<=', 2_000),
    },
    { what: 'and until it was published in a folder', value: publishedMs, unit: 'ms' },
  ];
}

function rates(what: string, values: readonly number[], ratio: number): Figure {
  return {
    what,
    value: median(values),
    unit: 'records/s',
    ratio,
    range: [Math.min(...values), Math.max(...values)],
  };
}

async function bytesPerRecord(server: BenchServer, records: number): Promise<Figure> {
  const [row] = await server.sql<{ bytes: string }[]>`
    select sum(pg_total_relation_size(c.oid))::text as bytes
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r'
       and ((n.nspname = 'retain' and c.relname like 'log\\_%')
         or (n.nspname = 'retain_guard' and c.relname in ('batch', 'batch_sealed', 'event')))`;
  const value = Number(row?.bytes ?? 0) / records;
  return {
    what: 'stored for each destroyed record, all in all',
    value,
    unit: 'bytes',
    target: target(value, '<=', 40),
  };
}

async function verifying(governed: Governed, dir: string): Promise<Figure[]> {
  const policy = join(dir, '..', 'policy.txt');
  writeFileSync(policy, await startingPolicy(governed.retain));
  const answer = await verifyInChild({ dir, policy });
  if (answer.verdict !== 'verified')
    throw new Error(`The ledger of the benchmark is ${answer.verdict}.`);
  const rate = (answer.entries * 1_000) / answer.ms;
  return [
    {
      what: `verifying ${answer.entries.toLocaleString('en-GB')} entries`,
      value: rate,
      unit: 'entries/s',
      target: target(rate, '>=', 500_000),
    },
    { what: 'peak memory of verifying', value: answer.peakKilobytes / 1024, unit: 'MB' },
  ];
}

function verifyInChild(task: VerifyTask): Promise<VerifyAnswer> {
  const child = fork(CHILD, [JSON.stringify(task)], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    let answer: VerifyAnswer | undefined;
    child.on('message', (message: VerifyAnswer) => {
      answer = message;
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (answer === undefined) reject(new Error(`The verifying process ended with ${code}.`));
      else resolve(answer);
    });
  });
}
