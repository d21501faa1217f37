/** A store and the end of an epoch key: who comes first is right, and what comes later is refused. */
import postgres, { type Sql } from 'postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EpochKey } from '../../app/epoch-keys.ts';
import type { CalendarDate } from '../../domain/civil.ts';
import { sealBatch } from '../../ledger/batch-header.ts';
import { keyCommitment } from '../../ledger/references.ts';
import { connectStore, type StoreConnection } from '../../stores/postgres/connection.ts';
import { type EpochGuard, epochGuard } from '../../stores/postgres/epoch-guard.ts';
import { LONG_AGO } from '../support/epoch-site.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { waitFor } from '../support/wait.ts';
import { closingTable, deleteAfter, scheduleText } from './small-schedule.ts';
import { weaken } from './tampering.ts';

const EPOCH = 'folder/2020Q1';
const DAY = '2021-04-01' as CalendarDate;

let governed: Governed;
let worker: StoreConnection;
let other: Sql;
let guard: EpochGuard;
let person: StoreConnection;
let byHand: EpochGuard;
let epoch: EpochKey;
let commitment: string;

beforeEach(async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(
        `${closingTable('folder')} insert into folder select n, '2001-01-01' from generate_series(1, 9) n`,
      ),
    schedule: scheduleText({
      classes: { folder: { table: 'public.folder' } },
      rules: { folder_rule: deleteAfter('folder', 'closed_on') },
    }),
    epochClock: LONG_AGO,
  });
  worker = await connectStore(governed.store, governed.url, 'retain_worker', { maxConnections: 4 });
  other = postgres(governed.url, { max: 2, onnotice: () => undefined });
  guard = epochGuard(worker);
  person = await connectStore(governed.store, governed.url, 'retain_app');
  byHand = epochGuard(person);
  epoch = await governed.retain.epochKeys.forWriting('folder');
  commitment = keyCommitment(epoch.key).toString('hex');
});
afterEach(async () => {
  await Promise.all([worker.end(), person.end()]);
  await other.end({ timeout: 5 });
  await governed.end();
});

const register = (id = EPOCH, day: CalendarDate | null = DAY) =>
  governed.guard.registerEpoch(id, keyCommitment(epoch.key), day);
const destroy = (onDate = true, id = EPOCH) =>
  (onDate ? guard : byHand).destroy({ epoch: id, commitment }, onDate);
const code = (refused: string) => ({ code: refused });
const ends = async () => {
  const rows = await governed.sql<{ body: unknown }[]>`
    select body from retain_guard.event where kind = 'epoch.destroy'`;
  return rows.map(({ body }) => body);
};

/** A lane that is ready: each call destroys records and answers how to seal their batch under the epoch. */
async function openLane(): Promise<() => Promise<() => Promise<boolean>>> {
  const plan = await governed.plan();
  await governed.approve(plan);
  await governed.open(plan);
  const lane = { run: plan.document.run, step: 1, lane: 1 };
  const { fence } = await governed.guard.claimLane(lane);
  const step = await governed.guard.describeStep(lane.run, 1);
  return async () => {
    const { staged } = await governed.guard.disposeBatch(lane, fence, 2);
    if (!staged) throw new Error('nothing was destroyed');
    const { signingKey } = governed;
    const context = { prev: '0'.repeat(64), epoch, signingKey, recovered: false };
    const seal = sealBatch(step, staged, context);
    return () => governed.guard.sealBatch({ ...seal, sealedBy: 'test', recovered: false });
  };
}

/** Runs `first` in a transaction that stays open until `meanwhile` has begun and waits for it. */
async function whileOpen<T>(
  first: (sql: Sql) => Promise<unknown>,
  meanwhile: () => Promise<T>,
): Promise<{ waited: boolean; outcome: PromiseSettledResult<T> }> {
  let waited = false;
  let later: Promise<PromiseSettledResult<T>[]> | undefined;
  await other.begin(async (sql) => {
    await first(sql as unknown as Sql);
    let settled = false;
    later = Promise.allSettled([meanwhile()]).finally(() => {
      settled = true;
    });
    const waits = async () =>
      settled || (await governed.sql`select from pg_locks where not granted`).length > 0;
    await waitFor(waits, { what: 'the second to wait or to end', everyMs: 5 });
    waited = !settled;
  });
  const [outcome] = (await later) ?? [];
  if (outcome === undefined) throw new Error('nothing was tried meanwhile');
  return { waited, outcome };
}

const destroying = (sql: Sql) =>
  sql`select retain_guard.destroy_epoch_on_date(${EPOCH}, ${Buffer.from(commitment, 'hex')})`;
const placing = async (sql: Sql) => {
  await sql`select retain_guard.open_matter('M-1', 'A matter', 'helena')`;
  await sql`select * from retain_guard.place_hold('M-1', 'complaint', 'a letter', 'helena', '2030-01-01',
    '{folder}', '{8}', '{}', '{}')`;
};

describe('registering', () => {
  it('again says the same; another day or another key is refused', async () => {
    await register();
    await register();
    await expect(register(EPOCH, null)).rejects.toMatchObject(code('EPOCH_KEY_MISMATCH'));
    await expect(governed.guard.registerEpoch(EPOCH, Buffer.alloc(32), DAY)).rejects.toMatchObject(
      code('EPOCH_KEY_MISMATCH'),
    );
  });

  it('is refused once the key is destroyed', async () => {
    await register();
    expect(await destroy()).toBe(true);
    await expect(register()).rejects.toMatchObject(code('EPOCH_KEY_DESTROYED'));
  });
});

describe('the end', () => {
  it('is told once, in the same transaction; who comes later hears that it was', async () => {
    await register();
    expect(await destroy()).toBe(true);
    expect(await destroy()).toBe(false);
    expect(await ends()).toEqual([{ epoch: EPOCH, commitment }]);
    const { waited, outcome } = await whileOpen(
      (sql) => sql`update retain_guard.key_epoch set destroyed_at = null`,
      () => destroy(),
    );
    expect({ waited, status: outcome.status }).toEqual({ waited: true, status: 'fulfilled' });
  });

  it('of another key, or of an epoch that is not there, is refused', async () => {
    await register();
    const stranger = { epoch: EPOCH, commitment: '00'.repeat(32) };
    await expect(byHand.destroy(stranger, false)).rejects.toMatchObject(code('EPOCH_KEY_MISMATCH'));
    await expect(destroy(false, 'folder/2019Q1')).rejects.toMatchObject(code('EPOCH_KEY_MISMATCH'));
  });

  it('on a day is refused before the day is over, and for a key without one; not by hand', async () => {
    await register('folder/2020Q2', '9999-12-31' as CalendarDate);
    await register('folder/2020Q3', null);
    for (const id of ['folder/2020Q2', 'folder/2020Q3']) {
      await expect(destroy(true, id)).rejects.toMatchObject(code('EPOCH_KEY_IN_USE'));
      expect(await destroy(false, id)).toBe(true);
    }
  });

  it('is refused while the quarter is not over by the clock of the server', async () => {
    const [row] = await governed.sql<{ quarter: string }[]>`
      select to_char(clock_timestamp() at time zone 'UTC', 'YYYY"Q"Q') as quarter`;
    const current = `folder/${row?.quarter}`;
    await register(current);
    await register('folder/9998Q4');
    for (const id of [current, 'folder/9998Q4']) {
      await expect(destroy(true, id)).rejects.toMatchObject(code('EPOCH_KEY_IN_USE'));
      await expect(destroy(false, id)).rejects.toMatchObject(code('EPOCH_KEY_IN_USE'));
    }
    await weaken(governed.sql, 'require_epoch_over', '>= to_char(today', `> 'z' || to_char(today`);
    expect(await destroy(true, current)).toBe(true);
  });

  it('before its day is not for workers', async () => {
    await register('folder/2020Q2', null);
    const early = epochGuard(worker).destroy({ epoch: 'folder/2020Q2', commitment }, false);
    await expect(early).rejects.toMatchObject(code('RIGHTS_MISSING'));
  });

  it('is for nobody who sees a past snapshot', async () => {
    await register();
    await expect(
      worker.sql.begin('isolation level repeatable read', (sql) =>
        destroying(sql as unknown as Sql),
      ),
    ).rejects.toThrow(/ISOLATION_LEVEL/);
  });
});

describe('who comes first', () => {
  it('a hold that is being placed is waited for, and keeps the key', async () => {
    await register();
    const { waited, outcome } = await whileOpen(placing, () => destroy());
    expect(waited).toBe(true);
    expect(outcome).toMatchObject({ reason: code('EPOCH_KEY_HELD') });
    expect(await ends()).toEqual([]);
  });

  it('twin: without the barrier the key goes although the hold was first', async () => {
    await register();
    const barrier = 'perform pg_advisory_xact_lock_shared(retain_guard.barrier_key());';
    await weaken(governed.sql, 'destroy_epoch', barrier, '');
    const { outcome } = await whileOpen(placing, () => destroy());
    expect(outcome).toMatchObject({ status: 'fulfilled', value: true });
  });

  it('an end that is being told is waited for by a seal, which is then refused', async () => {
    await register();
    const stage = await openLane();
    let seal = async () => false;
    const { waited, outcome } = await whileOpen(
      async (sql) => {
        await destroying(sql);
        seal = await stage();
      },
      () => seal(),
    );
    expect(waited).toBe(true);
    expect(outcome).toMatchObject({ reason: code('EPOCH_KEY_DESTROYED') });
    const [left] = await governed.sql<{ n: number }[]>`
      select count(*)::integer as n from retain_guard.batch_staged`;
    expect(left?.n).toBe(1);
  });

  it('twin: without that look a batch is sealed under a key that is gone', async () => {
    await register();
    const look = 'perform retain_guard.require_epoch_alive(p_key_epoch);';
    await weaken(governed.sql, 'seal_batch', look, '');
    const stage = await openLane();
    await destroy();
    const seal = await stage();
    expect(await seal()).toBe(true);
  });

  it('a batch keeps the key until it is sealed, and then until it is in the ledger', async () => {
    await register();
    await governed.sql`alter table retain_guard.batch_sealed disable trigger all`;
    const stage = await openLane();
    const seal = await stage();
    await expect(destroy()).rejects.toMatchObject(code('EPOCH_KEY_IN_USE'));
    await seal();
    await expect(destroy()).rejects.toMatchObject({
      ...code('EPOCH_KEY_IN_USE'),
      message: expect.stringContaining('not in the ledger'),
    });
    await governed.sql`update retain_guard.batch_sealed set first_index = 7`;
    expect(await destroy()).toBe(true);
  });
});
