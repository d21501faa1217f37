import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keyTextOf } from '../../stores/postgres/fragments.ts';
import { type FrozenEstate, frozenEstate, ofClass, ofPerson } from './frozen-estate.ts';
import { asRole, idsOf, refusalOf } from './tampering.ts';

let estate: FrozenEstate;
beforeAll(async () => {
  estate = await frozenEstate();
});
afterAll(() => estate.end());
beforeEach(() => estate.fill());

/** The SQLSTATE that anybody gets: an application under its own role, and the superuser alike. */
async function refused(statement: string): Promise<string> {
  const { url, sql } = estate.governed;
  const business = await asRole(url, 'business', (own) => refusalOf(own.unsafe(statement)));
  const superuser = await refusalOf(sql.unsafe(statement));
  return business === superuser ? business : `${business} or ${superuser}`;
}

const LINE = ofClass('line', keyTextOf(['1', 'x:1']));
const EVERYWHERE: readonly [string, string][] = [
  ['the root', 'customer where id = 1'],
  ['a part', 'contract where id = 1'],
  ['a part of a part', 'invoice where id = 1'],
  ['the bottom', "line where a = 1 and b = 'x:1'"],
  ['a sibling at the bottom', 'line where a = 501'],
  ['a sibling of the part', 'contract where id = 11'],
  ['a part that is no class', 'note where id = 1'],
];
const SCOPES = [
  ['the root', ofClass('customer', '1')],
  ['a part', ofClass('contract', '1')],
  ['a line three levels down, by its composite key', LINE],
  ['the person of the root', ofPerson('C1')],
  ['the person of a part', ofPerson('K1')],
  ['the person of a line', ofPerson('L1')],
] as const;

describe.each(SCOPES)('a hold on %s freezes the whole aggregate', (_scope, scope) => {
  it.each(EVERYWHERE)('%s', async (_where, from) => {
    await estate.hold(scope);
    expect(await refused(`delete from ${from}`)).toBe('RH001');
    const [table] = from.split(' where ');
    const column = table === 'note' ? 'words' : table === 'line' ? 'person' : 'id';
    expect(
      await refused(`update ${from.replace(' where', ` set ${column} = ${column} where`)}`),
    ).toBe('RH001');
  });
});

describe('what a hold does not cover', () => {
  it('is changed and deleted as ever, and parts may be added to what is held', async () => {
    await estate.hold(LINE);
    await estate.hold(ofPerson('K3'));
    const { url } = estate.governed;
    await asRole(url, 'business', async (sql) => {
      await sql`update customer set name = 'other' where id in (2, 4)`;
      await sql`update line set amount = 2 where a in (2, 502)`;
      await sql`delete from customer where id = 4`;
      await sql`delete from unrelated where id = 1`;
      await sql`update customer set name = 'x' where false`;
      await sql`insert into contract values (99, null, 1, null)`;
      await sql`insert into invoice values (99, null, 1)`;
      await sql`insert into line values (99, 'new', 1, null, 5)`;
    });
    expect(await idsOf(estate.governed.sql, 'customer')).toEqual([1, 2, 3]);
    expect(await idsOf(estate.governed.sql, 'contract')).toEqual([1, 2, 3, 11, 12, 13, 99]);
  });

  it('is free again when the hold is released', async () => {
    const { holdNo } = await estate.hold(ofClass('customer', '1'));
    expect(await refused('delete from note where id = 1')).toBe('RH001');
    await estate.app.releaseHold(holdNo, 'benedict', 'settled');
    expect(await refused('delete from note where id = 1')).toBe('none');
  });

  it('a statement that mixes held and free rows changes nothing', async () => {
    await estate.hold(LINE);
    expect(await refused("update customer set name = 'x'")).toBe('RH001');
    const rows = await estate.governed.sql`select from customer where name = 'x'`;
    expect(rows).toHaveLength(0);
  });
});

describe('there is no way around', () => {
  const ESCAPES: readonly [string, string][] = [
    ['a deletion that cascades from the root', 'delete from customer where id = 1'],
    ['a new key of the root that cascades', 'update customer set id = 9 where id = 1'],
    ['a new key of the held row', "update line set b = 'y' where a = 1"],
    ['a move into another partition', 'update line set a = 700 where a = 1'],
    ['a move to another owner', 'update contract set customer_id = 2 where id = 1'],
    ['a sibling that leaves', 'update contract set customer_id = 2 where id = 11'],
    ['no owner any more', 'update invoice set contract_id = null where id = 1'],
    ['the leaf itself', 'delete from line_low where a = 1'],
    ['a leaf with a sibling', 'update line_higher set amount = 9 where a = 501'],
    ['a partition between', 'delete from line_high where a = 501'],
    [
      'on conflict',
      "insert into customer values (1, null, 'x') on conflict (id) do update set name = 'x'",
    ],
    [
      'merge',
      'merge into customer c using (values (1)) v(id) on c.id = v.id when matched then delete',
    ],
    [
      'both at once',
      'with a as (delete from line where a = 1), b as (delete from invoice where id = 1) delete from customer where id = 1',
    ],
    [
      'cut off first',
      'with a as (delete from note where id = 1) update contract set customer_id = 2 where id = 1',
    ],
    ['truncate', 'truncate line'],
    ['truncate of a leaf', 'truncate line_low'],
    ['truncate of all', 'truncate customer cascade'],
  ];
  it.each(ESCAPES)('%s', async (_way, statement) => {
    await estate.hold(LINE);
    const before = await everything();
    expect(await refused(statement)).toBe('RH001');
    expect(await everything()).toEqual(before);
  });

  it('nor for a session that replays, or for one in the middle of a larger transaction', async () => {
    await estate.hold(LINE);
    const { sql } = estate.governed;
    const work = sql.begin(async (own) => {
      await own`set local session_replication_role = replica`;
      await own`delete from line where a = 1`;
    });
    expect(await refusalOf(work)).toBe('RH001');
  });

  it('a trigger of somebody else does nothing to held rows in the name of the guard', async () => {
    const { governed } = estate;
    const { sql } = governed;
    await sql`insert into unrelated values (50, '2001-01-01', 'words')`;
    await sql.unsafe(`
      grant delete on note to retain_guard_owner;
      create function takes_along() returns trigger language plpgsql as $$
        begin delete from public.note where id = 1; return null; end $$;
      create trigger takes_along after delete on customer for each statement execute function takes_along()`);
    try {
      await estate.hold(ofClass('customer', '1'));
      expect(
        await refusalOf(governed.carryOut(await governed.plan({ rules: ['customer_rule'] }))),
      ).not.toBe('none');
      expect(await idsOf(sql, 'note')).toEqual([1, 2, 3, 4]);
    } finally {
      await sql.unsafe('drop function takes_along cascade');
    }
  });
});

describe('disposal itself', () => {
  it('destroys what is not held, although the tables are frozen', async () => {
    await estate.hold(LINE);
    const { governed } = estate;
    await governed.carryOut(await governed.plan({ rules: ['customer_rule'] }));
    expect(await idsOf(governed.sql, 'customer')).toEqual([1]);
    expect(await idsOf(governed.sql, 'note')).toEqual([1]);
  });

  it('is asked nothing by the triggers, whatever is held', async () => {
    const { sql } = estate.governed;
    const rows = await sql<{ definition: string }[]>`
      select pg_get_triggerdef(oid) as definition from pg_trigger
       where tgname like 'retain\\_freeze\\_%' and tgname <> 'retain_freeze_truncate'`;
    expect(rows.length).toBeGreaterThan(0);
    for (const { definition } of rows) {
      expect(definition).toContain(
        "WHEN (((CURRENT_USER <> 'retain_guard_owner'::name) OR (pg_trigger_depth() > 0)))",
      );
    }
  });
});

it('the refusal names the hold and the matter, and no record', async () => {
  const { holdNo } = await estate.hold(LINE);
  const failure = await estate.governed.sql`delete from line where a = 1`.catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({
    code: 'RH001',
    message: `RECORD_FROZEN: Rows of public.line are under legal hold H-${holdNo} of matter M-1.`,
    schema_name: 'public',
    table_name: 'line',
  });
  expect(JSON.stringify(failure)).not.toContain('x:1');
});

it('twin: without the trigger of one table its held rows go', async () => {
  const { sql } = estate.governed;
  await sql`alter table line disable trigger retain_freeze_delete`;
  await estate.hold(LINE);
  expect(await refused('delete from line where a = 1')).toBe('none');
  await sql`alter table line enable always trigger retain_freeze_delete`;
});

async function everything(): Promise<unknown> {
  const { sql } = estate.governed;
  const tables = ['customer', 'contract', 'invoice', 'line', 'note'];
  return Promise.all(tables.map((table) => sql.unsafe(`select * from ${table} order by 1, 2`)));
}
