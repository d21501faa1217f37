import postgres from 'postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  connectStore,
  type ServerFacts,
  type StoreRole,
  unfitness,
} from '../../stores/postgres/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

const FIT: ServerFacts = {
  version: 180_004,
  recovering: false,
  readOnly: false,
  encoding: 'UTF8',
  who: 'retain_worker',
};
const refused = (facts: Partial<ServerFacts>, role: StoreRole = 'retain_worker') =>
  unfitness({ ...FIT, ...facts }, 'housing', role)?.code;

it.each([
  ['PostgreSQL 14 is refused', { version: 140_020 }, 'SERVER_UNSUPPORTED'],
  ['PostgreSQL 15 is taken', { version: 150_000 }, undefined],
  ['PostgreSQL 18 is taken', { version: 180_099 }, undefined],
  ['a version nobody has tried is refused', { version: 190_000 }, 'SERVER_UNSUPPORTED'],
  [
    'an encoding in which digests mean something else is refused',
    { encoding: 'LATIN1' },
    'SERVER_UNSUPPORTED',
  ],
  ['a replica is refused', { recovering: true }, 'STORE_READ_ONLY'],
  ['a session in another role than asked for is refused', { who: 'postgres' }, 'RIGHTS_MISSING'],
])('%s', (_guarantee, facts, code) => {
  expect(refused(facts)).toBe(code);
});

const codeOf = async (url: string, role: StoreRole = 'admin') => {
  try {
    await (await connectStore('housing', url, role)).end();
    return 'connected';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

it('says of each bad connection what is wrong with it, in one code', async () => {
  const url = (change: (url: URL) => void) => {
    const copy = new URL(database.url);
    change(copy);
    return copy.href;
  };
  expect(await codeOf(database.url)).toBe('connected');
  expect(
    await codeOf(
      url((u) => {
        u.password = 'wrong';
      }),
    ),
  ).toBe('CREDENTIALS_REJECTED');
  expect(
    await codeOf(
      url((u) => {
        u.pathname = '/no_such_database';
      }),
    ),
  ).toBe('CREDENTIALS_REJECTED');
  expect(
    await codeOf(
      url((u) => {
        u.port = '1';
      }),
    ),
  ).toBe('STORE_UNAVAILABLE');
});

it('refuses a database in which nothing can be written', async () => {
  const sql = postgres(database.url, { max: 1 });
  await sql`alter database ${sql(database.name)} set default_transaction_read_only = on`;
  expect(await codeOf(database.url)).toBe('STORE_READ_ONLY');
  await sql`set transaction_read_only = off`;
  await sql.unsafe(
    `begin read write; alter database "${database.name}" reset default_transaction_read_only; commit`,
  );
  await sql.end();
  expect(await codeOf(database.url)).toBe('connected');
});
