import postgres from 'postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectStore, type StoreConnection } from '../../stores/postgres/connection.ts';
import { confirmFreeze } from '../../stores/postgres/freeze-state.ts';
import { type Chance, seeded } from '../support/seeded.ts';
import { waitFor } from '../support/wait.ts';
import { type FrozenEstate, frozenEstate, ofClass, ofPerson } from './frozen-estate.ts';

const SEED = 20_261_122;
const CLIENTS = 20;
const HOLDS = 40;
const CUSTOMERS = 12;
const ISOLATIONS = ['read committed', 'repeatable read', 'serializable'] as const;
const EXPECTED = new Set(['RH001', '40001']);

/** While a hold stood, from when it was seen to be frozen until its release was asked for. */
interface Window {
  readonly customer: number;
  readonly from: number;
  readonly to: number;
  readonly before: string;
  readonly after: string;
}
interface Write {
  readonly customer: number;
  readonly startedAt: number;
  readonly endedAt: number;
}

let estate: FrozenEstate;
let connection: StoreConnection;
let business: postgres.Sql;
beforeAll(async () => {
  estate = await frozenEstate();
  connection = await connectStore(estate.governed.store, estate.governed.url, 'retain_app', {
    maxConnections: 4,
  });
  business = postgres(estate.governed.url, {
    max: CLIENTS,
    connection: { role: 'business', application_name: 'business' },
  });
  await estate.fill();
  const { sql } = estate.governed;
  await sql`insert into customer select n, '2001-01-01', 'C' || n, 'name' from generate_series(5, ${CUSTOMERS}) n`;
  await sql`insert into contract select n, '2001-01-01', n, 'K' || n from generate_series(5, 10) n`;
});
afterAll(async () => {
  await business.end();
  await connection.end();
  await estate.end();
});

it(`what is frozen does not change, nobody waits for a hold and nobody deadlocks (seed ${SEED})`, async () => {
  const writes: Write[] = [];
  const refusals = new Map<string, number>();
  const windows: Window[] = [];
  let done = false;
  const client = async (number: number): Promise<void> => {
    const chance = seeded(SEED + number);
    for (let token = 1; !done; token += 1) {
      await write(chance, `${number}/${token}`, writes, refusals);
    }
  };
  const holder = async (number: number): Promise<void> => {
    const chance = seeded(SEED + 1_000 + number);
    for (let nth = number; nth < HOLDS; nth += 2) windows.push(await holdOnce(chance));
  };
  const watching = watchForWaits(() => done);
  const clients = Array.from({ length: CLIENTS }, (_, number) => client(number));
  await Promise.all([holder(0), holder(1)]).finally(() => {
    done = true;
  });
  await Promise.all(clients);

  expect([...refusals.keys()].filter((code) => !EXPECTED.has(code))).toEqual([]);
  expect(await watching).toEqual([]);
  expect(windows).toHaveLength(HOLDS);
  for (const { before, after } of windows) expect(after).toBe(before);
  const broken = windows.filter(({ customer, from, to }) =>
    writes.some((one) => one.customer === customer && one.startedAt > from && one.endedAt < to),
  );
  expect(broken).toEqual([]);
  // Or nothing was shown.
  expect(refusals.get('RH001')).toBeGreaterThan(0);
  expect(writes.length).toBeGreaterThan(HOLDS);
}, 180_000);

/** One transaction of one or two statements on one customer, under any isolation level. */
async function write(
  chance: Chance,
  token: string,
  writes: Write[],
  refusals: Map<string, number>,
): Promise<void> {
  const customer = 1 + chance.integer(CUSTOMERS);
  const isolation = ISOLATIONS[chance.integer(3)] ?? 'read committed';
  const [first, second] = [chance.integer(3), chance.integer(3)];
  const startedAt = performance.now();
  let rows = 0;
  try {
    await business.begin(`isolation level ${isolation}`, async (sql) => {
      const run = async (work: PromiseLike<{ readonly count: number }>): Promise<void> => {
        rows += (await work).count;
      };
      await sql`select count(*) from customer`;
      if (first === 0) await run(sql`update customer set name = ${token} where id = ${customer}`);
      if (first === 1) {
        await run(sql`update contract set person = ${token} where customer_id = ${customer}`);
      }
      if (second === 0) await run(sql`update line set amount = amount + 1 where a = ${customer}`);
      if (second === 1 && customer <= 4) {
        await run(sql`insert into note values (${customer}, ${customer}, ${token})
          on conflict (id) do update set words = excluded.words`);
      }
    });
    if (rows > 0) writes.push({ customer, startedAt, endedAt: performance.now() });
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    refusals.set(code, (refusals.get(code) ?? 0) + 1);
  }
}

async function holdOnce(chance: Chance): Promise<Window> {
  const customer = 1 + chance.integer(CUSTOMERS);
  const scope =
    chance.integer(2) === 0 ? ofClass('customer', String(customer)) : ofPerson(`C${customer}`);
  const { holdNo } = await estate.hold(scope);
  await waitFor(async () => (await confirmFreeze(connection, holdNo)).frozenAt, {
    what: 'the older writers to end',
    timeoutMs: 60_000,
  });
  const from = performance.now();
  const before = await aggregateOf(customer);
  await waitFor(() => performance.now() - from > 20 + chance.integer(100), { what: 'a while' });
  const after = await aggregateOf(customer);
  const to = performance.now();
  await estate.app.releaseHold(holdNo, 'benedict', 'settled');
  return { customer, from, to, before, after };
}

/** All rows of a customer, with the transactions that wrote them. */
async function aggregateOf(customer: number): Promise<string> {
  const rows = await estate.governed.sql.unsafe(`
    select 'customer' as t, xmin::text, id::text, name as v from customer where id = ${customer}
    union all select 'contract', xmin::text, id::text, person from contract where customer_id = ${customer}
    union all select 'line', l.xmin::text, l.a::text, l.amount::text from line l
      join invoice i on i.id = l.invoice_id join contract c on c.id = i.contract_id where c.customer_id = ${customer}
    union all select 'note', n.xmin::text, n.id::text, n.words from note n
      join contract c on c.id = n.contract_id where c.customer_id = ${customer}
    order by 1, 3, 2`);
  return JSON.stringify(rows);
}

/** Sessions of the business that waited for one of Retain's, as often as it could be looked. */
async function watchForWaits(done: () => boolean): Promise<unknown[]> {
  const found: unknown[] = [];
  while (!done()) {
    found.push(
      ...(await estate.governed.sql`
        select a.query, h.query as blocker from pg_stat_activity a
         cross join lateral unnest(pg_blocking_pids(a.pid)) b(pid) join pg_stat_activity h on h.pid = b.pid
         where a.application_name = 'business' and h.application_name like 'retain%'`),
    );
  }
  return found;
}
