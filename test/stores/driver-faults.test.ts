/**
 * What the PostgreSQL driver does when its connection is lost, stock and with our patch. The stock
 * half is the reason for the patch: when it turns red after an upgrade, the patch can go.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { patchPackage } from '../../scripts/patch-package.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type CutRule, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { waitFor } from '../support/wait.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const installed = join(root, 'node_modules', 'postgres');
const patchFile = join(root, 'patches', 'postgres@3.4.9.patch');
const childFile = join(root, 'test', 'support', 'driver-child.mjs');

type Driver = 'stock' | 'patched';
interface Answer {
  readonly first: string;
  readonly next: string;
  readonly later: string;
}
interface Job {
  readonly shape: 'begin' | 'one';
  readonly restMs: number;
}

let home: string;
let database: TestDatabase;
let direct: postgres.Sql;
let proxy: FaultProxy;
let proxied: string;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'driver-'));
  for (const driver of ['stock', 'patched'] as const) {
    cpSync(installed, join(home, driver), { recursive: true });
    patchPackage(join(home, driver), patchFile, driver === 'stock' ? 'revert' : 'apply');
  }
  database = await createDatabase();
  direct = postgres(database.url, { max: 1 });
  await direct`create table record (id int primary key)`;
  await direct`create table log (id int)`;
});
afterAll(async () => {
  await direct.end();
  await database.drop();
  rmSync(home, { recursive: true, force: true });
});

beforeEach(async () => {
  const url = new URL(database.url);
  proxy = await startFaultProxy({
    upstreamHost: url.hostname,
    upstreamPort: Number(url.port || 5432),
  });
  url.host = `127.0.0.1:${proxy.port}`;
  proxied = url.href;
  await direct`truncate log`;
  await direct`insert into record values (1), (2) on conflict do nothing`;
});
afterEach(() => proxy.stop());

const moduleOf = (driver: Driver) => pathToFileURL(join(home, driver, 'src', 'index.js')).href;

/** A process with a driver in it; `run` answers what it printed, or its last words and exit code. */
async function startChild(driver: Driver) {
  const child: ChildProcessWithoutNullStreams = spawn(process.execPath, [
    childFile,
    moduleOf(driver),
    proxied,
  ]);
  let lastWords = '';
  child.stderr.on('data', (chunk) => {
    lastWords += String(chunk);
  });
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    run: async (job: Job): Promise<Answer | { died: string; exitCode: number | null }> => {
      child.stdin.write(`${JSON.stringify(job)}\n`);
      const { value, done } = await lines.next();
      if (done !== true) return JSON.parse(value) as Answer;
      return { exitCode: await exited, died: lastWords };
    },
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
}

async function runOnce(driver: Driver, rule: CutRule, job: Job) {
  const child = await startChild(driver);
  proxy.cutWhen(rule);
  const answer = await child.run(job);
  await child.stop();
  return answer;
}

async function recordAndLogAgree(): Promise<boolean> {
  const [row] = await direct`
    select (select count(*) from record where id = 1)::int as records,
           (select count(*) from log)::int as entries,
           (select count(*) from record where id = 2)::int as bystanders`;
  return Number(row?.['records']) + Number(row?.['entries']) === 1 && row?.['bystanders'] === 1;
}

const CLOSED = expect.stringMatching(/^(CONNECTION_CLOSED|ECONNRESET)$/);
const sides = ['request', 'answer'] as const;
const atDelete: CutRule = { pattern: 'delete', side: 'answer', how: 'fin', deliver: true };

describe('the stock driver', () => {
  test('dies when a connection is closed in the middle of a transaction', async () => {
    const answer = await runOnce('stock', atDelete, { shape: 'begin', restMs: 200 });
    expect(answer).toMatchObject({
      exitCode: 1,
      died: expect.stringContaining("Cannot read properties of null (reading 'write')"),
    });
    expect(await recordAndLogAgree()).toBe(true);
  });

  test('dies or spoils the next connection when a query follows at once', async () => {
    const answer = await runOnce('stock', atDelete, { shape: 'begin', restMs: 0 });
    expect(answer).not.toMatchObject({ next: 'done' });
  });

  test.each(sides)('survives a close around one statement (%s lost)', async (side) => {
    const rule: CutRule = { ...atDelete, side, deliver: false };
    const answer = await runOnce('stock', rule, { shape: 'one', restMs: 0 });
    expect(answer).toEqual({ first: CLOSED, next: 'done', later: 'done' });
    expect(await recordAndLogAgree()).toBe(true);
  });

  test('never answers the query that follows a reset at once', async () => {
    const rule: CutRule = { ...atDelete, side: 'request', how: 'rst', deliver: false };
    const answer = await runOnce('stock', rule, { shape: 'one', restMs: 0 });
    expect(answer).toMatchObject({ first: 'ECONNRESET', next: 'hangs' });
  });
});

describe('the patched driver', () => {
  test('survives every cut in one process, and row and log always agree', async () => {
    const child = await startChild('patched');
    for (const [shape, pattern] of [
      ...(['begin', 'delete', 'insert', 'commit'] as const).map((at) => ['begin', at] as const),
      ['one', 'delete'] as const,
    ]) {
      for (const side of sides) {
        for (const how of ['fin', 'rst'] as const) {
          for (const deliver of [false, true]) {
            await direct`truncate log`;
            await direct`insert into record values (1) on conflict do nothing`;
            proxy.cutWhen({ pattern, side, how, deliver });
            const answer = await child.run({ shape, restMs: 0 });
            const where = `${shape} ${pattern} ${side} ${how} ${deliver}`;
            // After an answer was delivered the connection dies under the next query instead.
            const last = side === 'answer' && deliver && (shape === 'one' || pattern === 'commit');
            const expected = last
              ? { first: 'done', next: expect.any(String), later: 'done' }
              : { first: CLOSED, next: 'done', later: 'done' };
            expect({ where, ...answer }).toEqual({ where, ...expected });
            expect({ where, agree: await recordAndLogAgree() }).toEqual({ where, agree: true });
          }
        }
      }
    }
    await child.stop();
    expect(proxy.cuts()).toBe(40);
  });

  test('a connection lost while it reads its array types is no unhandled rejection', async () => {
    const { default: patched } = (await import(moduleOf('patched'))) as {
      default: typeof postgres;
    };
    const unheard: unknown[] = [];
    const listen = (error: unknown) => unheard.push(error);
    process.on('unhandledRejection', listen);
    for (const how of ['fin', 'rst'] as const) {
      const sql = patched(proxied, { max: 1, backoff: false });
      proxy.cutWhen({ pattern: /typarray/, side: 'request', how, deliver: false });
      // Rejected, or answered over a new connection: either way somebody is told.
      await sql`select 1 as v`.catch(() => undefined);
      expect(await sql`select 2 as v`).toEqual([{ v: 2 }]);
      await sql.end({ timeout: 1 });
    }
    process.off('unhandledRejection', listen);
    expect(unheard).toEqual([]);
    expect(proxy.cuts()).toBe(2);
  });

  test('a server that refuses or ends connections is told as before', async () => {
    const { default: patched } = (await import(moduleOf('patched'))) as {
      default: typeof postgres;
    };
    const sql = patched(proxied, { max: 1, backoff: false });
    await sql`select 1`;
    const ended = expect(sql`select pg_sleep(600)`).rejects.toThrow();
    await waitFor(
      async () => {
        const rows = await direct`
          select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid() and query like '%pg_sleep(600)%'`;
        return rows.length > 0;
      },
      { what: 'a query to end' },
    );
    await ended;
    expect(await sql`select 7 as v`).toEqual([{ v: 7 }]);
    await proxy.stop();
    await expect(sql`select 1`).rejects.toThrow();
    await expect(sql`select 1`).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await sql.end({ timeout: 1 });
    proxy = await startFaultProxy({ upstreamHost: '127.0.0.1', upstreamPort: 1 });
  });
});

/** What the callback of a lost transaction does afterwards, on a connection that was renewed. */
async function afterTheLoss(driver: Driver): Promise<number[]> {
  const { default: load } = (await import(moduleOf(driver))) as { default: typeof postgres };
  const sql = load(proxied, { max: 1, backoff: false, onnotice: () => undefined });
  await sql`select 1`;
  proxy.cutWhen({ ...atDelete, pattern: 'insert into log values (1)' });
  let renew = (): void => undefined;
  const renewed = new Promise<void>((resolve) => {
    renew = resolve;
  });
  let straggler: Promise<unknown> = Promise.resolve();
  const lost = sql.begin(async (tx) => {
    await tx`insert into log values (1)`;
    await renewed;
    straggler = tx`insert into log values (2)`.catch((error: unknown) => error);
    await straggler;
  });
  await expect(lost).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  await sql`select 7`;
  renew();
  await sql`select 8`;
  await straggler;
  await sql.end({ timeout: 1 });
  return (await direct`select id from log`).map((row) => Number(row['id']));
}

test('a lost transaction writes nothing more; with the stock driver it does', async () => {
  expect(await afterTheLoss('patched')).toEqual([]);
  expect(await afterTheLoss('stock')).toEqual([2]);
});

describe('the patch', () => {
  test('is in the driver that is installed', () => {
    const copy = join(home, 'installed');
    cpSync(installed, copy, { recursive: true });
    const changed = patchPackage(copy, patchFile, 'apply');
    expect(changed, 'run npm run prepare').toBe(false);
  });

  test('is refused, and changes nothing, when a file is not the one it was made for', () => {
    const copy = join(home, 'copy');
    cpSync(join(home, 'stock'), copy, { recursive: true });
    const [first, second] = ['connection.js', 'index.js'].map((f) => join(copy, 'src', f));
    const before = readFileSync(first!, 'utf8');
    writeFileSync(second!, `${readFileSync(second!, 'utf8')}\n`);
    expect(() => patchPackage(copy, patchFile, 'apply')).toThrow(/is not the file/);
    expect(readFileSync(first!, 'utf8')).toBe(before);
  });

  test('is refused for another version of the package', () => {
    const copy = join(home, 'other');
    cpSync(join(home, 'stock'), copy, { recursive: true });
    const manifest = join(copy, 'package.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"3.4.9"', '"3.5.0"'));
    expect(() => patchPackage(copy, patchFile, 'apply')).toThrow(/does not fit .* 3\.5\.0/);
  });
});
