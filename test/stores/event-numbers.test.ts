import postgres, { type Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectStore, type StoreConnection } from '../../stores/postgres/connection.ts';
import { guardApp } from '../../stores/postgres/guard-app.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { seeded } from '../support/seeded.ts';
import { waitFor } from '../support/wait.ts';
import { closingTable, deleteAfter, scheduleText } from './small-schedule.ts';
import { refusalOf, weaken } from './tampering.ts';
import { newest, told } from './told.ts';

const WRITERS = 8;
const EACH = 12;

let governed: Governed;
let connections: StoreConnection[];
let clients: Sql[];

beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`${closingTable('folder')}
        insert into folder select n, '2001-01-01' from generate_series(1, 20) n`),
    schedule: scheduleText({
      classes: { folder: { table: 'public.folder' } },
      rules: { folder_rule: deleteAfter('folder', 'closed_on') },
    }),
  });
  connections = await Promise.all(
    Array.from({ length: WRITERS }, () =>
      connectStore(governed.store, governed.url, 'retain_app', { maxConnections: 1 }),
    ),
  );
  clients = Array.from({ length: 2 }, () =>
    postgres(governed.url, { max: 1, onnotice: () => undefined }),
  );
  const [first] = connections;
  if (first) await guardApp(first).openMatter('M-1', 'A matter', 'dora');
});
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.end()));
  await Promise.all(clients.map((client) => client.end({ timeout: 5 })));
  await governed.end();
});

const hold = (sql: Sql) => sql<{ version: string }[]>`
  select version from retain_guard.place_hold('M-1', 'litigation', 'x', 'dora', '2030-01-01',
                                              array['folder'], array['999'], '{}', '{}')`;

/** Places, takes back, plans (which is REPEATABLE READ), decides, in an order of its own. */
async function write(connection: StoreConnection, seed: number): Promise<number> {
  const chance = seeded(seed);
  let kept = 0;
  for (let turn = 0; turn < EACH; turn += 1) {
    const what = chance.oneOf(['hold', 'hold', 'taken back', 'plan', 'refused'] as const);
    if (what === 'hold') {
      await hold(connection.sql);
      kept += 1;
    } else if (what === 'taken back') {
      const taken = connection.sql.begin(async (tx) => {
        await hold(tx as unknown as Sql);
        throw new Error('taken back');
      });
      await expect(taken).rejects.toThrow('taken back');
    } else if (what === 'plan') {
      const plan = await governed.plan();
      const app = guardApp(connection);
      await app.decide(plan.document.run, plan.digest, 'reject', 'benedict');
      kept += 2;
    } else {
      expect(await refusalOf(guardApp(connection).releaseHold(1e9, 'x', 'x'))).toBe('HOLD_UNKNOWN');
    }
  }
  return kept;
}

it('eight writers at once, with rollbacks: numbers without a gap, in the order of commits, instants ascending', async () => {
  const before = await newest(governed.sql);
  const kept = await Promise.all(connections.map((connection, at) => write(connection, at + 1)));
  const events = await told(governed.sql, before);
  const expected = kept.reduce((sum, one) => sum + one, 0);
  expect(events.map(({ n }) => n)).toEqual(
    Array.from({ length: expected }, (_, at) => before + at + 1),
  );
  const instants = events.map(({ at }) => at);
  expect(instants).toEqual([...instants].sort());
  // Holds are placed one after the other, and their versions say in which order.
  const versions = events.flatMap(({ kind, body }) =>
    kind === 'hold.place' ? [Number(body['version'])] : [],
  );
  expect(versions).toEqual([...versions].sort((a, b) => a - b));
  // Nobody decides on a plan that was not told before.
  const order = events.flatMap(({ kind, body }) =>
    kind === 'plan' || kind === 'approval' ? [`${String(body['run'])} ${kind}`] : [],
  );
  for (const approval of order.filter((one) => one.endsWith('approval'))) {
    const plan = approval.replace('approval', 'plan');
    expect(order.indexOf(plan)).toBeLessThan(order.indexOf(approval));
    expect(order).toContain(plan);
  }
});

describe('somebody who tells while another transaction has told and not ended', () => {
  let restore: (() => Promise<void>) | undefined;
  afterEach(async () => {
    await restore?.();
    restore = undefined;
  });

  /** The instant at which the first gave up, and the statement of the second, both of the server. */
  async function secondOfTwo(): Promise<{ gaveUpAt: string; secondAt: string }> {
    const [first, second] = clients as [Sql, Sql];
    const before = await newest(governed.sql);
    let waiting: Promise<unknown> | undefined;
    let gaveUpAt = '';
    const gone = first.begin(async (tx) => {
      await tx`select retain_guard.tell('guard.install', '{"guard_version": 1}')`;
      waiting = second`select retain_guard.tell('guard.install', '{"guard_version": 2}')`.execute();
      await waitFor(
        async () => (await governed.sql`select from pg_locks where not granted`).length > 0,
        { what: 'the second to wait', everyMs: 5 },
      );
      const [now] = await tx<{ at: string }[]>`
        select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at`;
      gaveUpAt = now?.at ?? '';
      throw new Error('taken back');
    });
    await expect(gone).rejects.toThrow('taken back');
    await waiting;
    const events = await told(governed.sql, before);
    expect(events.map(({ n, body }) => [n, body['guard_version']])).toEqual([[before + 1, 2]]);
    return { gaveUpAt, secondAt: events[0]?.at ?? '' };
  }

  it('waits, has its number if that one gives up, and the instant of getting it', async () => {
    const { gaveUpAt, secondAt } = await secondOfTwo();
    expect(secondAt > gaveUpAt).toBe(true);
  });

  it('twin: without the lock it has the instant of before it waited', async () => {
    restore = await weaken(
      governed.sql,
      'tell',
      'perform from retain_guard.event_state for update;',
      '',
    );
    const { gaveUpAt, secondAt } = await secondOfTwo();
    expect(secondAt < gaveUpAt).toBe(true);
  });

  it('is not waited for when its client goes silent', async () => {
    const [first] = clients as [Sql, Sql];
    const limit = async () => {
      const [row] = await first.begin(async (tx) => {
        await tx`select retain_guard.tell('guard.install', '{"guard_version": 3}')`;
        return tx<{ limit: string }[]>`
          select current_setting('idle_in_transaction_session_timeout') as limit`;
      });
      return row?.limit;
    };
    expect(await limit()).toBe('10s');
    const [after] = await first`
      select current_setting('idle_in_transaction_session_timeout') as limit`;
    expect(after?.['limit']).toBe('0');
  });
});

describe('a plan, which is counted under one old snapshot', () => {
  /** Somebody else tells twice between the snapshot and the registration. */
  async function toldLate(): Promise<{ outcome: string; n: number[] }> {
    const [first, second] = clients as [Sql, Sql];
    const before = await newest(governed.sql);
    const outcome = await refusalOf(
      first.begin('isolation level repeatable read', async (tx) => {
        await tx`select count(*) from retain_guard.event`;
        await hold(second);
        await hold(second);
        await tx`select retain_guard.tell('plan', '{}')`;
      }),
    );
    return { outcome, n: (await told(governed.sql, before)).map(({ n }) => n - before) };
  }

  it('has the next number, though its snapshot does not show the last', async () => {
    expect(await toldLate()).toEqual({ outcome: 'none', n: [1, 2, 3] });
  });

  it('twin: a guard that does not try the next number loses the whole count', async () => {
    const restore = await weaken(
      governed.sql,
      'tell',
      'when unique_violation',
      'when no_data_found',
    );
    const late = await toldLate();
    await restore();
    expect(late).toEqual({ outcome: '23505', n: [1, 2] });
  });
});
