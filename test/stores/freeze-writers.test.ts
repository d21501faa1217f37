import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectStore, type StoreConnection } from '../../stores/postgres/connection.ts';
import { confirmFreeze } from '../../stores/postgres/freeze-state.ts';
import { type FrozenEstate, frozenEstate, ofClass } from './frozen-estate.ts';
import { refusalOf, weaken } from './tampering.ts';
import { told } from './told.ts';

let estate: FrozenEstate;
let connection: StoreConnection;
let business: postgres.Sql;
beforeAll(async () => {
  estate = await frozenEstate();
  connection = await connectStore(estate.governed.store, estate.governed.url, 'retain_app');
  business = postgres(estate.governed.url, {
    max: 3,
    connection: { role: 'business', application_name: 'rents' },
  });
});
afterAll(async () => {
  await business.end();
  await connection.end();
  await estate.end();
});
beforeEach(() => estate.fill());
// A test that fails leaves nobody behind whom the next would wait for.
const left = new Set<() => Promise<void>>();
afterEach(async () => {
  for (const end of left) await end();
});

const HELD = ofClass('customer', '1');
const freeze = (holdNo: number) => confirmFreeze(connection, holdNo);
const frozenAt = async (holdNo: number) => (await freeze(holdNo)).frozenAt;

/** A transaction that did `statement` and is open until `end` is called. */
async function open(statement: string) {
  const sql = await business.reserve();
  await sql.unsafe('begin');
  await sql.unsafe(statement);
  const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const end = async (how: string) => {
    left.delete(rollback);
    await sql.unsafe(how);
    sql.release();
  };
  const rollback = () => end('rollback');
  left.add(rollback);
  return { sql, pid: row?.pid ?? 0, end };
}

describe('a hold is frozen at once', () => {
  it('when nobody writes', async () => {
    const { holdNo, effectiveAt } = await estate.hold(HELD);
    const { frozenAt: at, waitsFor } = await freeze(holdNo);
    expect(waitsFor).toEqual([]);
    expect(at !== null && at > effectiveAt).toBe(true);
    expect((await freeze(holdNo)).frozenAt).toBe(at);
  });

  it.each([
    ['who only reads', 'select * from customer for update'],
    ['who writes elsewhere', 'create temporary table mine as select 1'],
    ['who changed nothing', "update customer set name = 'x' where false"],
  ])('beside one %s', async (_who, statement) => {
    const reader = await open(statement);
    const { holdNo } = await estate.hold(HELD);
    expect(await frozenAt(holdNo)).not.toBeNull();
    await reader.end('rollback');
  });

  it('whoever began to write after it', async () => {
    const { holdNo } = await estate.hold(HELD);
    await estate.app.openMatter('M-2', 'Another', 'amira');
    const writer = await open("update customer set name = 'x' where id = 2");
    await freeze(holdNo);
    await writer.end('commit');
    const late = await estate.hold(ofClass('customer', '3'));
    const later = await open("update customer set name = 'x' where id = 2");
    expect((await freeze(late.holdNo)).waitsFor.map(({ pid }) => pid)).toEqual([later.pid]);
    await later.end('rollback');
    expect(await frozenAt(late.holdNo)).not.toBeNull();
  });
});

describe('a writer older than the hold', () => {
  it('is named while it is open, and the hold is frozen the moment it ends', async () => {
    const writer = await open("update customer set name = 'old' where id = 1");
    const { holdNo } = await estate.hold(HELD);
    const { frozenAt: at, waitsFor } = await freeze(holdNo);
    expect(at).toBeNull();
    expect(waitsFor).toMatchObject([{ pid: writer.pid, application: 'rents', prepared: null }]);
    // It may finish what it began, but touch what is held no more.
    await writer.end('commit');
    expect(await frozenAt(holdNo)).not.toBeNull();
    const [row] = await estate.governed.sql`select name from customer where id = 1`;
    expect(row).toEqual({ name: 'old' });
  });

  it('is waited for when it changed what is held while the hold was being placed', async () => {
    const { sql } = estate.governed;
    const placing = await sql.reserve();
    await placing`begin`;
    const [row] = await placing<{ hold_no: string }[]>`
      select hold_no from retain_guard.place_hold('M-1', 'litigation', 'x', 'amira', '2030-01-01',
        array['customer'], array['1'], '{}', '{}')`;
    const writer = await open("update customer set name = 'old' where id = 1");
    await placing`commit`;
    placing.release();
    const holdNo = Number(row?.hold_no);
    expect((await freeze(holdNo)).waitsFor.map(({ pid }) => pid)).toEqual([writer.pid]);
    await writer.end('commit');
    expect(await frozenAt(holdNo)).not.toBeNull();
  });

  it('is waited for however it ends, and through savepoints', async () => {
    const writer = await open('savepoint s; delete from note where id = 2; release s');
    const { holdNo } = await estate.hold(HELD);
    expect((await freeze(holdNo)).waitsFor).toHaveLength(1);
    await writer.end('rollback');
    expect(await frozenAt(holdNo)).not.toBeNull();
  });

  it('is refused itself what it does to held rows after the hold', async () => {
    const writer = await open("update customer set name = 'old' where id = 2");
    const { holdNo } = await estate.hold(HELD);
    await freeze(holdNo);
    expect(await refusalOf(writer.sql`delete from note where id = 1`)).toBe('RH001');
    await writer.end('rollback');
  });

  it('through one partition is found too', async () => {
    const writer = await open('update line_low set amount = 7 where a = 1');
    const { holdNo } = await estate.hold(HELD);
    expect((await freeze(holdNo)).waitsFor).toHaveLength(1);
    await writer.end('commit');
    expect(await frozenAt(holdNo)).not.toBeNull();
  });

  it('twin: without waiting for writers a hold calls itself frozen, and a held row changes after that', async () => {
    const restore = await weaken(
      estate.governed.sql,
      'note_writers',
      "in ('RowExclusiveLock', 'AccessExclusiveLock')",
      'in (null)',
    );
    const writer = await open("update customer set name = 'old' where id = 1");
    const { holdNo } = await estate.hold(HELD);
    expect(await frozenAt(holdNo)).not.toBeNull();
    await writer.end('commit');
    await restore();
    const [row] = await estate.governed.sql`select name from customer where id = 1`;
    expect(row).toEqual({ name: 'old' });
  });
});

it('the ledger is told once, with the instant', async () => {
  const { holdNo } = await estate.hold(HELD);
  const [one, other] = await Promise.all([freeze(holdNo), freeze(holdNo)]);
  expect(one.frozenAt ?? other.frozenAt).not.toBeNull();
  const at = await frozenAt(holdNo);
  const events = (await told(estate.governed.sql)).filter(({ body }) => body['hold'] === holdNo);
  expect(events.map(({ kind }) => kind)).toEqual(['hold.place', 'hold.freeze']);
  expect(events[1]?.body).toEqual({ hold: holdNo, frozen_at: at });
});

it('a hold that is released first is never called frozen', async () => {
  const writer = await open("update customer set name = 'old' where id = 1");
  const { holdNo } = await estate.hold(HELD);
  await freeze(holdNo);
  await estate.app.releaseHold(holdNo, 'benedict', 'settled');
  await writer.end('commit');
  expect(await freeze(holdNo)).toEqual({ frozenAt: null, waitsFor: [] });
});

it('writers are not noted by the transaction that places the hold', async () => {
  const work = connection.sql.begin(async (sql) => {
    const [row] = await sql<{ hold_no: string }[]>`
      select hold_no from retain_guard.place_hold('M-1', 'litigation', 'x',
      'amira', '2030-01-01', array['customer'], array['1'], '{}', '{}')`;
    await sql`select retain_guard.note_writers(${row?.hold_no ?? ''})`;
  });
  expect(await refusalOf(work)).toBe('USAGE');
});

it('writers are noted first by whoever asks, when nobody did after the placing', async () => {
  const writer = await open("update customer set name = 'old' where id = 1");
  const { holdNo } = await estate.hold(HELD);
  const [before] = await estate.governed
    .sql`select count(*)::integer as n from retain_guard.hold_writer`;
  expect(before).toEqual({ n: 0 });
  expect((await freeze(holdNo)).waitsFor).toHaveLength(1);
  await writer.end('rollback');
});

it('a prepared transaction is waited for under its own name', async ({ skip }) => {
  const { sql } = estate.governed;
  const [row] = await sql<
    { n: number }[]
  >`select current_setting('max_prepared_transactions')::integer as n`;
  if (row?.n === 0) skip('the server allows no prepared transactions');
  const writer = await open("update customer set name = 'old' where id = 1");
  const { holdNo } = await estate.hold(HELD);
  expect((await freeze(holdNo)).waitsFor).toMatchObject([{ pid: writer.pid, prepared: null }]);
  await writer.end("prepare transaction 'rent_run'");
  expect((await freeze(holdNo)).waitsFor).toMatchObject([{ pid: null, prepared: 'rent_run' }]);
  await business.unsafe("commit prepared 'rent_run'");
  expect(await frozenAt(holdNo)).not.toBeNull();
});
