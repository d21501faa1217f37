import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, expect, test } from 'vitest';
import { FAST_SETTINGS, startPostgres } from '../../embedded/postgres.ts';
import { runFolder } from '../support/run-folder.ts';
import { waitFor } from '../support/wait.ts';

const folder = runFolder('embedded-postgres');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function ask(url: string, text: string): Promise<unknown> {
  const sql = postgres(url, { max: 1, connect_timeout: 5 });
  try {
    return (await sql.unsafe(text))[0]?.['answer'];
  } finally {
    await sql.end();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('data and password survive a SIGKILL and a start on the same port', async () => {
  const dataDir = join(folder, 'killed');
  const first = await startPostgres({ dataDir });
  await ask(first.url, 'create table kept as select 42 as answer');
  await first.kill('SIGKILL');
  const second = await startPostgres({ dataDir, port: first.port });
  expect(await ask(second.url, 'select answer from kept')).toBe(42);
  expect(second.url).toBe(first.url);
  await second.remove();
  expect(existsSync(dataDir)).toBe(false);
  expect(isAlive(second.pid)).toBe(false);
});

test('the default settings are durable; the fast ones are not, and say so', async () => {
  const dataDir = join(folder, 'settings');
  const durable = await startPostgres({ dataDir });
  const setting = "select string_agg(setting, ',' order by name) as answer from pg_settings";
  const names = "where name in ('fsync', 'full_page_writes', 'synchronous_commit')";
  expect(await ask(durable.url, `${setting} ${names}`)).toBe('on,on,on');
  await durable.stop();
  const fast = await startPostgres({ dataDir, settings: FAST_SETTINGS });
  expect(await ask(fast.url, `${setting} ${names}`)).toBe('off,off,off');
  await fast.remove();
});

test('only the password opens it, and only the loopback address listens', async () => {
  const server = await startPostgres({ dataDir: join(folder, 'closed') });
  const wrong = new URL(server.url);
  wrong.password = 'postgres';
  await expect(ask(wrong.href, 'select 1 as answer')).rejects.toMatchObject({ code: '28P01' });
  expect(await ask(server.url, "select current_setting('listen_addresses') as answer")).toBe(
    '127.0.0.1',
  );
  await server.remove();
});

test('a setting that PostgreSQL refuses is reported with the end of its log', async () => {
  const broken = startPostgres({ dataDir: join(folder, 'broken'), settings: { fsync: 'perhaps' } });
  await expect(broken).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('parameter "fsync" requires a Boolean value'),
  });
});

const OWNER = `
import { startPostgres } from './embedded/postgres.ts';
const server = await startPostgres({ dataDir: process.argv[1] });
process.stdout.write(JSON.stringify({ pid: server.pid, url: server.url }));
setInterval(() => undefined, 1000);
`;

test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
  'nothing keeps running when its owner ends by %s',
  async (signal) => {
    const dataDir = join(folder, signal);
    const flags = ['--import', 'tsx', '--input-type=module', '-e', OWNER, dataDir];
    const owner = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(owner.stdout, 'data')) as [Buffer];
    const { pid, url } = JSON.parse(line.toString()) as { pid: number; url: string };
    expect(isAlive(pid)).toBe(true);
    expect(await ask(url, 'select 1 as answer')).toBe(1);
    owner.kill(signal);
    // Not by the process id: the process table may keep a zombie until somebody asks for its fate.
    await waitFor(
      async () => {
        const failure = await ask(url, 'select 1 as answer').catch((error: unknown) => error);
        return (failure as { code?: string }).code === 'ECONNREFUSED';
      },
      { what: 'the server to refuse connections' },
    );
    const again = await startPostgres({ dataDir });
    await again.remove();
  },
);
