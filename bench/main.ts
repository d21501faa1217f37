/** How fast Retain is, measured on this machine against one hand-written statement. */
import { cpus, totalmem } from 'node:os';
import { type BenchArguments, type Part, readArguments, USAGE } from './arguments.ts';
import { createTable } from './data.ts';
import { type EndToEnd, endToEnd } from './end-to-end.ts';
import { type Figure, table } from './figures.ts';
import { measureFreeze } from './freeze.ts';
import { governed } from './governed.ts';
import { measureHolds } from './hold-latency.ts';
import { measureLedger } from './ledger.ts';
import { measureLookup } from './lookup.ts';
import { measureMemory } from './memory.ts';
import { measurePerRecord } from './per-record.ts';
import { measurePlanning } from './planning.ts';
import { type BenchServer, SETTINGS, startServer } from './server.ts';
import { measureSpeed } from './speed.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const args = readArguments(process.argv.slice(2));
  const startedAt = Date.now();
  const log = (line: string): void => {
    const seconds = Math.round((Date.now() - startedAt) / 1_000);
    process.stderr.write(`${String(seconds).padStart(5)} s  ${line}\n`);
  };
  const server = await startServer(log);
  try {
    const machine = await describe(server, args);
    for (const [name, value] of Object.entries(machine)) say(`${name.padEnd(10)}  ${value}`);
    const figures = await measure(server, args, log);
    if (args.json) say(JSON.stringify({ machine, arguments: args, figures }));
  } finally {
    await server.stop();
  }
}

async function measure(
  server: BenchServer,
  args: BenchArguments,
  onProgress: (line: string) => void,
): Promise<Figure[]> {
  onProgress('filling the tables');
  await createTable(server.sql, 'record', args.records, args.of);
  await createTable(server.sql, 'small_record', 1, 1);
  const guarded = await governed(server, true);
  try {
    let started: Promise<EndToEnd> | undefined;
    // Its worker keeps the ledger from then on, which the ledger's own figures do not want beside them.
    const whole = (): Promise<EndToEnd> => {
      started ??= endToEnd(server, guarded);
      return started;
    };
    try {
      const { records, runs } = args;
      const parts: Record<Part, () => Promise<Figure[]>> = {
        ledger: () => measureLedger(server, guarded, { ...args, onProgress }),
        lookup: () => measureLookup(server, guarded, { ...args, onProgress }),
        speed: async () =>
          measureSpeed(server, guarded, (await whole()).way, { ...args, onProgress }),
        'per-record': async () => measurePerRecord(server, await whole()),
        memory: () => measureMemory(server, guarded, records),
        holds: () => measureHolds(server, guarded, records),
        freeze: () => measureFreeze(server, guarded, args),
        planning: () => measurePlanning(server, guarded, runs),
      };
      const figures: Figure[] = [];
      for (const part of args.parts) {
        onProgress(part);
        const measured = await parts[part]();
        say(`\n${table(measured)}`);
        figures.push(...measured);
      }
      return figures;
    } finally {
      await (await started)?.end();
    }
  } finally {
    await guarded.end();
  }
}

async function describe(
  server: BenchServer,
  { records, of, runs }: BenchArguments,
): Promise<Record<string, string>> {
  const [row] = await server.sql<
    { version: string }[]
  >`select current_setting('server_version') as version`;
  const [cpu] = cpus();
  return {
    machine: `${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GB`,
    node: process.versions.node,
    postgresql: `${row?.version ?? ''}; ${Object.entries(SETTINGS)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ')}; else defaults (fsync, full_page_writes, synchronous_commit, autovacuum on)`,
    size: `${records.toLocaleString('en-GB')} due of ${of.toLocaleString('en-GB')} records; ${runs} timed runs of each`,
  };
}

try {
  await main();
} catch (error) {
  process.stderr.write(
    `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n\n${USAGE}\n`,
  );
  process.exitCode = 1;
}
