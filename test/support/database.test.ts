import postgres from 'postgres';
import { afterAll, expect, test } from 'vitest';
import { createDatabase, createTemplate, type TestDatabase } from './database.ts';
import { waitFor } from './wait.ts';

const databases: TestDatabase[] = [];
afterAll(async () => {
  for (const database of databases) await database.drop();
});

async function fresh(template?: string): Promise<TestDatabase> {
  const database = await createDatabase(template === undefined ? {} : { template });
  databases.push(database);
  return database;
}

async function query(url: string, text: string): Promise<postgres.RowList<postgres.Row[]>> {
  const sql = postgres(url, { max: 1 });
  try {
    return await sql.unsafe(text);
  } finally {
    await sql.end();
  }
}

test('two databases share nothing', async () => {
  const [first, second] = [await fresh(), await fresh()];
  await query(first.url, 'create table mark (id int)');
  const found = await query(second.url, "select to_regclass('mark') as mark");
  expect(found[0]?.['mark']).toBeNull();
});

test('a template is set up once however many ask for it, and copied each time', async () => {
  let setups = 0;
  const ask = () =>
    createTemplate('support_twice', async (url) => {
      setups += 1;
      await query(url, 'create table seeded as select 7 as value');
    });
  const [template] = await Promise.all([ask(), ask(), ask()]);
  expect(setups).toBe(1);
  const copy = await fresh(template);
  expect((await query(copy.url, 'select value from seeded'))[0]?.['value']).toBe(7);
});

test('dropping a database ends the sessions that use it', async () => {
  const database = await createDatabase();
  const sql = postgres(database.url, { max: 1, onclose: () => undefined });
  await sql`select 1`;
  await database.drop();
  await expect(sql`select 1`).rejects.toThrow();
  await sql.end({ timeout: 1 });
});

test('the server runs PostgreSQL 18 in UTC', async () => {
  const { url } = await fresh();
  const [row] = await query(
    url,
    "select current_setting('server_version_num') v, current_setting('timezone') z",
  );
  expect(Math.floor(Number(row?.['v']) / 10_000)).toBe(18);
  expect(row?.['z']).toBe('UTC');
});

test('waitFor answers what the condition answered, and otherwise names what was waited for', async () => {
  let asked = 0;
  const answer = await waitFor(() => (++asked < 3 ? undefined : { asked }), {
    what: 'three',
    everyMs: 1,
  });
  expect(answer).toEqual({ asked: 3 });
  const never = waitFor(() => false, { what: 'a miracle', timeoutMs: 5, everyMs: 1 });
  await expect(never).rejects.toThrow(/waited 5 ms for a miracle; the last answer was false/);
});
