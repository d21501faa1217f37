import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Plan } from '../../domain/plan.ts';
import { connectStore } from '../../stores/postgres/connection.ts';
import { guardApp } from '../../stores/postgres/guard-app.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { waitFor } from '../support/wait.ts';
import { closingTable, deleteAfter, scheduleText } from './small-schedule.ts';
import { idsOf, refusalOf, weaken } from './tampering.ts';

let governed: Governed;
let other: Sql;
let plan: Plan;
beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) => sql.unsafe(`${closingTable('card')} ${closingTable('folder', 'title text')}`),
    schedule: scheduleText({
      classes: { card: { table: 'public.card' }, folder: { table: 'public.folder' } },
      rules: {
        card_rule: deleteAfter('card', 'closed_on'),
        folder_rule: deleteAfter('folder', 'closed_on', { where: { title: 'old' } }),
      },
    }),
  });
  other = postgres(governed.url, { max: 1, onnotice: () => undefined });
});
afterAll(async () => {
  await other.end({ timeout: 5 });
  await governed.end();
});

beforeEach(async () => {
  await governed.sql.unsafe(`truncate card, folder;
    insert into card select n, '2001-01-01' from generate_series(1, 20) n;
    insert into card values (21, '2026-01-01');
    insert into folder select n, '2001-01-01', 'old' from generate_series(1, 3) n`);
  plan = await governed.plan({ rules: ['card_rule'] });
  await governed.approve(plan);
  await governed.open(plan);
});

const lane = () => ({ run: plan.document.run, step: 1, lane: 1 });
const waiting = async (locks: number) =>
  waitFor(
    async () => (await governed.sql`select from pg_locks where not granted`).length === locks,
    { what: `${locks} to wait`, everyMs: 5 },
  );

/** A batch of ten that is held up by a row while `meanwhile` is asked for, which must wait for it. */
async function besideABatch<T>(meanwhile: () => Promise<T>): Promise<T> {
  const { fence } = await governed.guard.claimLane(lane());
  let batch: Promise<unknown> | undefined;
  let asked: Promise<T> | undefined;
  await other.begin(async (tx) => {
    await tx`select from card where id = 5 for update`;
    batch = governed.guard.disposeBatch(lane(), fence, 10);
    batch.catch(() => undefined);
    await waiting(1);
    asked = meanwhile();
    asked.catch(() => undefined);
    await waiting(2);
  });
  await batch;
  return asked as Promise<T>;
}

async function logged(): Promise<number> {
  const [row] = await governed.sql<{ destroyed: number }[]>`
    select coalesce(sum(destroyed), 0)::integer as destroyed from retain_guard.batch
     where run_id = ${plan.document.run}`;
  return row?.destroyed ?? 0;
}

async function report() {
  const [row] = await governed.sql<
    { outcome: string; counted: boolean; destroyed: number; left: number }[]
  >`select outcome, (report ->> 'counted')::boolean as counted,
           (report #>> '{steps,0,destroyed}')::integer as destroyed, (report #>> '{steps,0,left}')::integer as left
      from retain_guard.run where run_id = ${plan.document.run} and closed_at is not null`;
  return row;
}

async function pause(): Promise<number> {
  const app = await connectStore(governed.store, governed.url, 'retain_app');
  try {
    await guardApp(app).controlRun(plan.document.run, 'pause', 'amira', 'a reason');
    return await logged();
  } finally {
    await app.end();
  }
}

describe('closing a run while a batch is in flight', () => {
  it('waits, is refused until the batch is sealed, and then reports what the log says', async () => {
    expect(await besideABatch(() => refusalOf(governed.close(plan)))).toBe('UNSEALED_BACKLOG');
    expect(await report()).toBeUndefined();
    expect(await logged()).toBe(10);
    await governed.workLane(plan, 1, 1);
    expect(await governed.close(plan)).toMatchObject({ outcome: 'completed', destroyed: 20 });
    expect(await report()).toEqual({ outcome: 'completed', counted: true, destroyed: 20, left: 0 });
    expect(await logged()).toBe(20);
    expect(await idsOf(governed.sql, 'card')).toEqual([21]);
    expect(await idsOf(governed.sql, 'folder')).toEqual([1, 2, 3]);
  });

  it('nothing is destroyed once it is closed', async () => {
    const { fence } = await governed.guard.claimLane(lane());
    expect((await governed.close(plan)).outcome).toBe('incomplete');
    expect(await refusalOf(governed.guard.disposeBatch(lane(), fence, 10))).toBe('RUN_NOT_OPEN');
    expect(await report()).toMatchObject({ destroyed: 0, left: 20 });
    expect(await idsOf(governed.sql, 'card')).toHaveLength(21);
  });

  it('twin: a closing that does not wait reports less than the log says', async () => {
    const shared = await weaken(governed.sql, 'dispose_batch', 'is null for share;', 'is null;');
    const { fence } = await governed.guard.claimLane(lane());
    let batch: Promise<unknown> | undefined;
    await other.begin(async (tx) => {
      await tx`select from card where id = 5 for update`;
      batch = governed.guard.disposeBatch(lane(), fence, 10);
      await waiting(1);
      await governed.close(plan);
    });
    await batch;
    await shared();
    expect(await report()).toMatchObject({ destroyed: 0 });
    expect(await logged()).toBe(10);
  });
});

describe('a pause while a batch is in flight', () => {
  it('answers when the batch has ended, and nothing is destroyed after its answer', async () => {
    expect(await besideABatch(pause)).toBe(10);
    const { fence } = await governed.guard.claimLane(lane());
    expect(await governed.guard.disposeBatch(lane(), fence, 10)).toMatchObject({
      outcome: 'paused',
    });
    expect(await idsOf(governed.sql, 'card')).toHaveLength(11);
  });

  it('twin: a pause that does not wait answers before the batch has destroyed', async () => {
    const shared = await weaken(governed.sql, 'dispose_batch', 'is null for share;', 'is null;');
    const { fence } = await governed.guard.claimLane(lane());
    let batch: Promise<unknown> | undefined;
    let atAnswer = -1;
    await other.begin(async (tx) => {
      await tx`select from card where id = 5 for update`;
      batch = governed.guard.disposeBatch(lane(), fence, 10);
      await waiting(1);
      atAnswer = await pause();
    });
    await batch;
    await shared();
    expect(atAnswer).toBe(0);
    expect(await logged()).toBe(10);
  });
});

describe('a run whose records cannot be counted afresh', () => {
  it('is closed as incomplete, though its lanes finished', async () => {
    await governed.workLane(plan, 1, 1);
    await governed.sql`alter table folder rename title to heading`;
    const closed = await governed.close(plan);
    await governed.sql`alter table folder rename heading to title`;
    expect(closed).toMatchObject({ outcome: 'incomplete', destroyed: 20 });
    expect(await report()).toEqual({
      ...{ outcome: 'incomplete', counted: false, destroyed: 20, left: 0 },
    });
  });

  it('twin: counted, the same run is complete', async () => {
    await governed.workLane(plan, 1, 1);
    expect((await governed.close(plan)).outcome).toBe('completed');
  });
});
