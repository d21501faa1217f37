/** How fast Retain is, measured on this machine against one hand-written statement. See README.md. */
import { cpus, totalmem } from 'node:os';
import { PARTS, readArguments, USAGE, type BenchArguments } from './arguments.ts';
import { createTable } from './data.ts';
import { type Figure, table } from './figures.ts';
import { type Governed, governed } from './governed.ts';
import { type BenchServer, SETTINGS, startServer } from './server.ts';
import { measureSpeed } from './speed.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const args = readArguments(process.argv.slice(2));
  const startedAt = Date.now();
  const log = (line: string): void => void process.stderr.write(`${((Date.now() - startedAt) / 1000).toFixed(0).padStart(5)} s  ${line}\n`);
  const server = await startServer(false, log);
  try {
    const machine = await describe(server, args);
    for (const [name, value] of Object.entries(machine)) say(`${name.padEnd(12)} ${value}`);
    log('filling the table');
    await createTable(server.sql, 'record', args.records, args.of);
    await createTable(server.sql, 'small_record', 5_000, 500_000);
    const guarded = await governed(server, true);
    const figures: Figure[] = [];
    try {
      figures.push(...(await measure(server, guarded, args, log)));
    } finally {
      await guarded.end();
    }
    say(`\n${table(figures)}`);
    if (args.json) say(JSON.stringify({ machine, arguments: args, figures }));
  } finally {
    await server.stop();
  }
}

async function measure(server: BenchServer, guarded: Governed, args: BenchArguments, log: (line: string) => void): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const part of PARTS.filter((one) => args.parts.includes(one))) {
    if (part === 'speed') figures.push(...(await measureSpeed(server, guarded, undefined, { ...args, onProgress: log })));
  }
  return figures;
}

async function describe(server: BenchServer, { records, of, runs }: BenchArguments): Promise<Record<string, string>> {
  const [row] = await server.sql<{ version: string }[]>`select current_setting('server_version') as version`;
  const [cpu] = cpus();
  return {
    machine: `${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GB`,
    node: process.versions.node,
    postgresql: `${row?.version ?? ''}; ${Object.entries(SETTINGS).map(([name, value]) => `${name}=${value}`).join(' ')}; else defaults (fsync, full_page_writes, synchronous_commit, autovacuum on)`,
    size: `${records.toLocaleString('en-GB')} due of ${of.toLocaleString('en-GB')} records; ${runs} timed runs of each`,
  };
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n\n${USAGE}\n`);
  process.exitCode = 1;
}
