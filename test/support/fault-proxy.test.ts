import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from './database.ts';
import { type CutRule, type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { waitFor } from './wait.ts';

let database: TestDatabase;
let direct: postgres.Sql;
let proxy: FaultProxy;
let sql: postgres.Sql;

beforeAll(async () => {
  database = await createDatabase();
  direct = postgres(database.url, { max: 1 });
  await direct`create table record (id int primary key)`;
});
afterAll(async () => {
  await direct.end();
  await database.drop();
});

beforeEach(async () => {
  await direct`truncate record`;
  const url = new URL(database.url);
  proxy = await startFaultProxy({
    upstreamHost: url.hostname,
    upstreamPort: Number(url.port || 5432),
  });
  url.host = `127.0.0.1:${proxy.port}`;
  sql = postgres(url.href, { max: 1, backoff: false });
});
afterEach(async () => {
  await sql.end({ timeout: 1 });
  await proxy.stop();
});

const insert = (id: number) => sql`insert into record values (${id})`;
const stored = async () =>
  (await direct<{ id: number }[]>`select id from record order by id`).map(({ id }) => id);
const cuts = ['fin', 'rst'] as const;
const CLOSED = { code: expect.stringMatching(/^(CONNECTION_CLOSED|ECONNRESET)$/) };

test('without a rule everything passes, and connections are counted', async () => {
  await insert(1);
  await sql.begin(async (tx) => tx`insert into record values (2)`);
  const rows = await sql`select repeat('x', 100000) as long from generate_series(1, 20)`;
  expect(rows).toHaveLength(20);
  expect(await stored()).toEqual([1, 2]);
  expect(proxy.connections()).toBe(1);
  expect(proxy.cuts()).toBe(0);
});

describe.each(cuts)('a cut by %s', (how) => {
  const at = (rule: Pick<CutRule, 'side' | 'deliver'>): CutRule => ({
    pattern: 'insert into record',
    how,
    ...rule,
  });

  test('request lost: the server never executed it', async () => {
    proxy.cutWhen(at({ side: 'request', deliver: false }));
    await expect(insert(1)).rejects.toMatchObject(CLOSED);
    await insert(2);
    expect(await stored()).toEqual([2]);
  });

  test('request delivered, client cut before the answer: the server executed it', async () => {
    proxy.cutWhen(at({ side: 'request', deliver: true }));
    await expect(insert(1)).rejects.toMatchObject(CLOSED);
    await waitFor(async () => (await stored()).length === 1, { what: 'the insert' });
    await insert(2);
    expect(await stored()).toEqual([1, 2]);
  });

  test('answer lost: it was executed, and the client cannot know', async () => {
    proxy.cutWhen(at({ side: 'answer', deliver: false }));
    await expect(insert(1)).rejects.toMatchObject(CLOSED);
    expect(await stored()).toEqual([1]);
  });

  test('answer delivered, connection cut behind it: the next statement takes another', async () => {
    proxy.cutWhen({ ...at({ side: 'answer', deliver: true }), how: 'fin' });
    await insert(1);
    await waitFor(() => proxy.cuts() === 1 && proxy.connections() === 0, { what: 'the cut' });
    await insert(2);
    expect(await stored()).toEqual([1, 2]);
  });

  test('after a number of bytes', async () => {
    await insert(1);
    proxy.cutAfterBytes(20, how);
    await expect(insert(2)).rejects.toMatchObject(CLOSED);
    await insert(3);
    expect(await stored()).toEqual([1, 3]);
  });
});

test('a statement that was prepared before is recognised when it runs again', async () => {
  await insert(1);
  proxy.cutWhen({ pattern: /insert\s+into/, side: 'request', how: 'fin', deliver: false });
  await expect(insert(2)).rejects.toMatchObject(CLOSED);
  expect(await stored()).toEqual([1]);
});

test('nth counts executions, with a pattern those that match', async () => {
  await sql`select 1`;
  proxy.cutWhen({ pattern: 'nth', nth: 3, side: 'request', how: 'fin', deliver: false });
  proxy.cutWhen({ pattern: 'record', nth: 2, side: 'request', how: 'fin', deliver: false });
  await insert(1);
  await expect(insert(2)).rejects.toMatchObject(CLOSED);
  expect(proxy.cuts()).toBe(1);
  proxy.healthy();
  for (const id of [3, 4, 5]) await insert(id);
  expect(await stored()).toEqual([1, 3, 4, 5]);
});

test('a rule cuts once', async () => {
  proxy.cutWhen({ pattern: 'record', side: 'request', how: 'rst', deliver: false });
  await expect(insert(1)).rejects.toMatchObject(CLOSED);
  for (const id of [2, 3]) await insert(id);
  expect(proxy.cuts()).toBe(1);
});
