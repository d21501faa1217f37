import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FrozenEstate, frozenEstate, ofClass, ofPerson } from './frozen-estate.ts';
import { refusalOf, weaken } from './tampering.ts';

const ISOLATIONS = ['read committed', 'repeatable read', 'serializable'] as const;
type Isolation = (typeof ISOLATIONS)[number];

let estate: FrozenEstate;
let business: postgres.Sql;
beforeAll(async () => {
  estate = await frozenEstate();
  business = postgres(estate.governed.url, { max: 2, connection: { role: 'business' } });
});
afterAll(async () => {
  await business.end();
  await estate.end();
});
beforeEach(() => estate.fill());

/** What becomes of a statement in a transaction whose snapshot is older than the hold. */
function across(isolation: Isolation, hold: () => Promise<unknown>, statement: string) {
  return refusalOf(
    business.begin(`isolation level ${isolation}`, async (sql) => {
      await sql`select count(*) from customer`;
      await hold();
      await sql.unsafe(statement);
    }),
  );
}

const EXPECTED: Readonly<Record<Isolation, string>> = {
  'read committed': 'RH001',
  'repeatable read': '40001',
  serializable: '40001',
};

describe.each(ISOLATIONS)('a transaction under %s that began before the hold', (isolation) => {
  it('does not change what is held', async () => {
    const hold = () => estate.hold(ofClass('customer', '1'));
    for (const statement of [
      'delete from note where id = 1',
      "update customer set name = 'x' where id = 1",
      'truncate note',
    ]) {
      expect(await across(isolation, hold, statement)).toBe(EXPECTED[isolation]);
    }
  });

  it('changes what is not held, at the latest when it is run again', async () => {
    const hold = () => estate.hold(ofPerson('C1'));
    const statement = "update customer set name = 'x' where id = 2";
    const first = await across(isolation, hold, statement);
    expect(first).toBe(isolation === 'read committed' ? 'none' : '40001');
    expect(await across(isolation, () => Promise.resolve(), statement)).toBe('none');
  });

  it('is refused by name once its snapshot has the hold', async () => {
    await estate.hold(ofClass('customer', '1'));
    const none = () => Promise.resolve();
    expect(await across(isolation, none, 'delete from note where id = 1')).toBe('RH001');
  });

  it('is not disturbed by a hold that was given up', async () => {
    const { sql } = estate.governed;
    const givenUp = async () => {
      const work = sql.begin(async (own) => {
        await own`select retain_guard.place_hold('M-1', 'litigation', 'x', 'amira', '2030-01-01',
          array['customer'], array['1'], '{}', '{}')`;
        throw new Error('given up');
      });
      await work.catch(() => undefined);
    };
    await givenUp();
    const none = () => Promise.resolve();
    expect(await across(isolation, none, 'delete from note where id = 1')).toBe('none');
  });
});

it.each(['repeatable read', 'serializable'] as const)(
  'twin: without the comparison of snapshots a transaction under %s changes what is held',
  async (isolation) => {
    const restore = await weaken(
      estate.governed.sql,
      'require_newest_holds',
      'if not pg_visible',
      'if false and not pg_visible',
    );
    const hold = () => estate.hold(ofClass('customer', '1'));
    expect(await across(isolation, hold, 'delete from note where id = 1')).toBe('none');
    await restore();
    expect(await estate.governed.sql`select from note where id = 1`).toHaveLength(0);
  },
);

it('a database restored on another server forgets the number of a transaction it never had', async () => {
  const { sql } = estate.governed;
  await sql`select setval('retain_guard.hold_epoch', pg_current_xact_id()::text::bigint + 1000000)`;
  const none = () => Promise.resolve();
  const statement = "update customer set name = 'x' where id = 2";
  expect(await across('repeatable read', none, statement)).toBe('40001');
  await sql`select retain_guard.forget_foreign_epoch()`;
  expect(await across('repeatable read', none, statement)).toBe('none');
});
