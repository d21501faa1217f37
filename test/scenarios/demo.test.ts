import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { afterEach, expect, inject, test } from 'vitest';
import { retainEnvironment } from '../../embedded/retain-process.ts';
import { databaseUrl } from '../support/database.ts';
import '../support/provided.ts';

// The whole demonstration, small, as `npm run demo` runs it, against the servers of the global setup.

const PROGRAM = fileURLToPath(new URL('../../examples/housing/demo.ts', import.meta.url));
const DEMO_MS = 240_000;

const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) child.kill('SIGTERM');
});

/** Runs the demo and answers what it printed; `onText` sees each piece as it comes. */
async function demo(onText: (soFar: string) => void = () => undefined) {
  const child = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), PROGRAM, '--records', '5000'],
    {
      env: retainEnvironment({
        DATABASE_URL: inject('postgresAdminUrl'),
        TEMPORAL_ADDRESS: inject('temporalAddress'),
        TEMPORAL_NAMESPACE: inject('temporalNamespace'),
      }),
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  running.add(child);
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
      onText(printed);
    });
  }
  await once(child, 'close');
  running.delete(child);
  const database = /Database (harbour_homes_\w+) on/.exec(printed)?.[1] ?? '';
  return { exitCode: child.exitCode, printed, database };
}

async function databaseExists(name: string): Promise<boolean> {
  const sql = postgres(databaseUrl('postgres'), { max: 1 });
  try {
    return (await sql`select 1 from pg_database where datname = ${name}`).length > 0;
  } finally {
    await sql.end();
  }
}

test(
  'the demonstration does the main job, proves it, and leaves nothing behind',
  async () => {
    const { exitCode, printed, database } = await demo();
    expect(printed).toContain('Every check passed.');
    expect(exitCode).toBe(0);
    expect(printed).not.toContain('✗');
    expect(printed).toMatch(
      /Customer record +\d+ due − \d+ destroyed − \d+ withheld = 0 {2}\(1 held/,
    );
    expect(printed).toMatch(/✓ (\d+) of \1 planted bystanders survive/);
    expect(printed).toContain('APPROVAL_SAME_PERSON');
    expect(printed).toContain('HH-2026-014');
    expect(printed.slice(printed.indexOf('Try next'))).toMatch(
      /npm run demo -- --keep.*npm run up/s,
    );
    expect(database).not.toBe('');
    expect(await databaseExists(database)).toBe(false);
  },
  DEMO_MS,
);

test(
  'twin: one bystander destroyed behind its back makes the demonstration fail, and say which',
  async () => {
    let tampering: Promise<unknown> | undefined;
    const tamper = async (database: string) => {
      const sql = postgres(databaseUrl(database), { max: 1 });
      await sql`delete from call_recording where file_path = 'calls/planted.ogg'`;
      await sql.end();
    };
    const { exitCode, printed } = await demo((soFar) => {
      const database = /Database (harbour_homes_\w+) on/.exec(soFar)?.[1];
      if (database === undefined || !soFar.includes('$ retain run approve')) return;
      tampering ??= tamper(database);
    });
    await tampering;
    expect(exitCode).toBe(1);
    expect(printed).toContain('A CHECK FAILED.');
    expect(printed).toMatch(/✗ call_recording \d+ \(.*\): survives expected, destroyed found/);
  },
  DEMO_MS,
);
