import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, expect, inject, test } from 'vitest';
import { readEnv } from '../../config/env.ts';
import { startPostgres } from '../../embedded/postgres.ts';
import { startStack } from '../../embedded/stack.ts';
import '../support/provided.ts';
import { runFolder } from '../support/run-folder.ts';
import { waitFor } from '../support/wait.ts';

const folder = runFolder('embedded-stack');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const quiet = { onProgress: () => undefined };

async function answers(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, connect_timeout: 5 });
  try {
    await sql`select 1`;
    return true;
  } catch {
    return false;
  } finally {
    await sql.end();
  }
}

test('both servers start, answer and stop together', async () => {
  const stack = await startStack({ env: readEnv(), dir: folder, ...quiet });
  expect(stack.temporal?.address).toMatch(/:\d+$/);
  expect(await answers(stack.databaseUrl)).toBe(true);
  await stack.stop();
  expect(await answers(stack.databaseUrl)).toBe(stack.postgres === undefined);
});

test('the servers that the environment names are used, and left running', async () => {
  const named = {
    DATABASE_URL: inject('postgresAdminUrl'),
    TEMPORAL_ADDRESS: inject('temporalAddress'),
  };
  const stack = await startStack({ env: readEnv(named), dir: join(folder, 'unused'), ...quiet });
  expect(stack.databaseUrl).toBe(named.DATABASE_URL);
  expect(stack.temporal?.address).toBe(named.TEMPORAL_ADDRESS);
  expect([stack.postgres, stack.temporalServer]).toEqual([undefined, undefined]);
  await stack.stop();
  expect(await answers(named.DATABASE_URL)).toBe(true);
});

const OWNER = `
import { startPostgres } from './embedded/postgres.ts';
const server = await startPostgres({ dataDir: process.argv[1] });
server.release();
process.stdout.write(JSON.stringify({ pid: server.pid, url: server.url }));
`;

test('a released server outlives its owner', async () => {
  const dataDir = join(folder, 'released');
  const flags = ['--import', 'tsx', '--input-type=module', '-e', OWNER, dataDir];
  const owner = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [[line]] = await Promise.all([once(owner.stdout, 'data'), once(owner, 'exit')]);
  const { pid, url } = JSON.parse(String(line)) as { pid: number; url: string };
  expect(await answers(url)).toBe(true);
  process.kill(pid, 'SIGINT');
  await waitFor(async () => !(await answers(url)), { what: 'the server to stop' });
  const again = await startPostgres({ dataDir });
  await again.remove();
});
