import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listHolds, receiptOf, releaseHold } from '../../app/holds.ts';
import { lookupInLog, searchLog } from '../../app/log.ts';
import { listMatters, openMatter } from '../../app/matters.ts';
import { type PlaceHoldRequest, placeHold } from '../../app/place-hold.ts';
import { keyColumnsOf } from '../../app/record-keys.ts';
import { listRuns, runProgress, runStatements, showRun, unlinkedTables } from '../../app/runs.ts';
import type { Plan } from '../../domain/plan.ts';
import { keyTextOf } from '../../stores/postgres/fragments.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';

// Customers with contracts, and leases whose key has two columns, one of them text of fixed length.
const TABLES = `
create table customer (id bigint primary key, closed_on date);
create index on customer (closed_on);
create table contract (id bigint primary key, customer_id bigint not null references customer);
create index on contract (customer_id);
create table newsletter (id bigint primary key, customer_id bigint references customer);
create index on newsletter (customer_id);
create table lease (block char(4), no integer, holder text, ended_on date, primary key (block, no));
create index on lease (ended_on);
insert into customer select i, case when i <= 20 then date '2010-01-01' end from generate_series(1, 40) i;
insert into contract select i, (i + 1) / 2 from generate_series(1, 80) i;
insert into newsletter select i, i from generate_series(1, 40) i;
insert into lease select 'B' || i % 3, i, i::text, case when i <= 9 then date '2011-01-01' end from generate_series(1, 18) i;
`;

const SCHEDULE = `
format: retain/1
organisation: Harbour Homes
timezone: Europe/London
stores:
  housing: { kind: postgres, connection: env:TEST_STORE_URL, backups_kept_for: P35D }
record_classes:
  customer:
    title: Customer record
    store: housing
    table: public.customer
    key: [id]
    subjects: { customer: [id] }
    references: { contract_customer_id_fkey: owned, newsletter_customer_id_fkey: detached }
  lease:
    title: Lease
    store: housing
    table: public.lease
    key: [block, no]
    subjects: { customer: [holder] }
rules:
  customer_6_years:
    applies_to: customer
    trigger: { event: closed, column: closed_on }
    keep: { at_least: P6Y }
    then: delete
    authority: Limitation Act 1980, section 5
    owner: dpo@harbour.example
  lease_6_years:
    applies_to: lease
    trigger: { event: ended, column: ended_on }
    keep: { at_least: P6Y }
    then: delete
    authority: Limitation Act 1980, section 5
    owner: dpo@harbour.example
`;

let housing: Governed;
let plan: Plan;
const CANARY = 'canary-8841';

const request = (overrides: Partial<PlaceHoldRequest>): PlaceHoldRequest => ({
  matter: 'HH-2026-014',
  reason: 'litigation',
  because: 'letter before claim',
  actor: 'dora',
  reviewOn: '2027-02-21',
  keys: [],
  subjects: [],
  ...overrides,
});

/** What it was refused with: the code, and every word that could be printed. */
async function refusal(work: Promise<unknown>): Promise<{ code: string; words: string }> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason as { code: string; message: string; facts: unknown },
  );
  return {
    code: error?.code ?? 'nothing',
    words: `${error?.message} ${JSON.stringify(error?.facts)}`,
  };
}

beforeAll(async () => {
  housing = await governedDatabase({ setup: (sql) => sql.unsafe(TABLES), schedule: SCHEDULE });
  const { retain } = housing;
  await openMatter(retain, { matter: 'HH-2026-014', title: 'Letter before claim', actor: 'dora' });
  await placeHold(retain, request({ keys: [{ recordClass: 'customer', key: ['2'] }] }));
  plan = await housing.plan();
  await housing.carryOut(plan);
  await housing.close(plan);
});
afterAll(() => housing.end());

it('keeps the record and its parts that the hold names, and destroys the others', async () => {
  const left = await housing.sql`select id from customer where id <= 20`;
  expect(left.map(({ id }) => Number(id))).toEqual([2]);
  expect(await housing.sql`select id from contract where customer_id = 2`).toHaveLength(2);
});

it('lists in the receipt what the hold covers now and what it came too late for', async () => {
  const keys = [
    { recordClass: 'customer', key: ['007'] },
    { recordClass: 'customer', key: ['2'] },
    { recordClass: 'customer', key: ['30'] },
    { recordClass: 'lease', key: ['B1', '1'] },
    { recordClass: 'lease', key: ['B2  ', '17'] },
  ];
  const [receipt] = await placeHold(housing.retain, request({ keys }));
  expect(receipt?.covers).toEqual([
    { table: 'public.customer', rows: 2 },
    { table: 'public.contract', rows: 4 },
    { table: 'public.lease', rows: 1 },
  ]);
  expect(receipt?.tooLate).toMatchObject([
    { recordClass: 'customer', key: ['7'], action: 'delete', run: plan.document.run },
    { recordClass: 'lease', key: ['B1', '1'], action: 'delete', run: plan.document.run },
  ]);
  for (const loss of receipt?.tooLate ?? []) {
    expect(loss.executedAt < (receipt?.effectiveAt ?? '')).toBe(true);
  }
  expect(await receiptOf(housing.retain, receipt?.hold ?? '')).toEqual(receipt);
});

it('finds what was destroyed while its batch is not sealed yet', async () => {
  const { retain, sql } = housing;
  await sql.unsafe(`
    create table aside as select batch_id, key_epoch, header, refs, sealed_by, recovered
      from retain_guard.batch_sealed join retain_guard.batch using (batch_id) where record_class = 'customer';
    delete from retain_guard.batch_sealed where batch_id in (select batch_id from aside);
    insert into retain_guard.batch_staged (batch_id, run_id, step_no, lane_no, executed_at, keys)
      select batch_id, run_id, step_no, lane_no, executed_at, array['7', '8']
        from retain_guard.batch where batch_id in (select batch_id from aside)`);
  try {
    const { entries } = await lookupInLog(retain, 'customer', ['7']);
    expect(entries).toMatchObject([{ run: plan.document.run, headerSha256: null }]);
    expect((await lookupInLog(retain, 'customer', ['9'])).entries).toEqual([]);
  } finally {
    await sql.unsafe(`
      delete from retain_guard.batch_staged;
      insert into retain_guard.batch_sealed (batch_id, key_epoch, header, refs, sealed_by, recovered)
        select * from aside;
      drop table aside`);
  }
});

it('covers a subject in every class, and says of which classes the log cannot tell', async () => {
  const [receipt] = await placeHold(
    housing.retain,
    request({ subjects: [{ kind: 'customer', id: ' 16' }] }),
  );
  expect(receipt?.covers).toContainEqual({ table: 'public.lease', rows: 1 });
  expect(receipt?.tooLate).toMatchObject([{ recordClass: 'customer', key: ['16'] }]);
  expect(receipt?.notes).toEqual([expect.stringContaining('lease')]);
});

it('places a hold even where no epoch key is, and says what it then does not know', async () => {
  const retain = {
    ...housing.retain,
    epochKeys: { ...housing.retain.epochKeys, all: async () => [] },
  };
  const [receipt] = await placeHold(
    retain,
    request({ keys: [{ recordClass: 'customer', key: ['7'] }] }),
  );
  expect(receipt?.tooLate).toBeNull();
  expect(receipt?.notes).toEqual([expect.stringContaining('epoch key')]);
});

it.each([
  [
    'a record class that is not there',
    { keys: [{ recordClass: 'custmer', key: ['1'] }] },
    'RECORD_CLASS_UNKNOWN',
  ],
  [
    'a key of the wrong type',
    { keys: [{ recordClass: 'customer', key: [CANARY] }] },
    'KEY_INVALID',
  ],
  ['a blank key', { keys: [{ recordClass: 'customer', key: ['  '] }] }, 'KEY_INVALID'],
  ['a key with too few values', { keys: [{ recordClass: 'lease', key: [CANARY] }] }, 'KEY_INVALID'],
  ['an unknown kind of subject', { subjects: [{ kind: 'cutomer', id: CANARY }] }, 'USAGE'],
  ['a blank subject', { subjects: [{ kind: 'customer', id: ' ' }] }, 'KEY_INVALID'],
  ['no scope at all', {}, 'HOLD_SCOPE_EMPTY'],
  [
    'an unknown matter',
    { matter: 'HH-0', keys: [{ recordClass: 'customer', key: ['1'] }] },
    'MATTER_UNKNOWN',
  ],
  [
    'an unknown reason',
    { reason: 'because', keys: [{ recordClass: 'customer', key: ['1'] }] },
    'USAGE',
  ],
  [
    'a day of review that does not exist',
    { reviewOn: '2027-02-30', keys: [{ recordClass: 'customer', key: ['1'] }] },
    'USAGE',
  ],
] as const)('refuses %s, places nothing and repeats no key', async (_what, overrides, code) => {
  const before = await listHolds(housing.retain);
  const refused = await refusal(placeHold(housing.retain, request(overrides)));
  expect(refused.code).toBe(code);
  expect(refused.words).not.toContain(CANARY);
  expect(await listHolds(housing.retain)).toEqual(before);
});

it('opens the matter on request, counts its holds, and releases', async () => {
  const { retain } = housing;
  const key = { recordClass: 'customer', key: ['33'] };
  const [receipt] = await placeHold(
    retain,
    request({ matter: 'HH-2', openMatterTitle: 'Second', keys: [key] }),
  );
  expect(await listMatters(retain)).toContainEqual(
    expect.objectContaining({ matter: 'HH-2', title: 'Second', holdsInForce: 1 }),
  );
  const hold = receipt?.hold ?? '';
  await releaseHold(retain, hold, { actor: 'dora', because: 'settled' });
  expect((await listHolds(retain, 'HH-2')).map(({ released_by }) => released_by)).toEqual(['dora']);
  const again = await refusal(releaseHold(retain, hold, { actor: 'dora', because: 'settled' }));
  expect(again.code).toBe('HOLD_RELEASED');
  expect((await refusal(receiptOf(retain, 'H-999'))).code).toBe('HOLD_UNKNOWN');
});

it('says of a destroyed record which run, rule, people and instant, and when the last backup goes', async () => {
  const { entries } = await lookupInLog(housing.retain, 'lease', ['B1', '4']);
  expect(entries).toMatchObject([
    {
      ...{ run: plan.document.run, recordClass: 'lease', rule: 'lease_6_years', ruleVersion: 1 },
      ...{ action: 'delete', destroyed: 9, requestedBy: 'amira', approvedBy: 'benedict' },
      headerSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      backupsExpireOn: expect.stringMatching(/^\d{4}-\d{2}-\d{2}$/),
    },
  ]);
  expect((await lookupInLog(housing.retain, 'lease', ['B1', '16'])).entries).toEqual([]);
  const wrong = await refusal(lookupInLog(housing.retain, 'customer', [CANARY]));
  expect(wrong.code).toBe('KEY_INVALID');
  expect(wrong.words).not.toContain(CANARY);
});

it('pages through the log without losing or doubling a batch, and refuses the cursor of another search', async () => {
  const { retain } = housing;
  const first = await searchLog(retain, { limit: 1 });
  const second = await searchLog(retain, { limit: 1, cursor: first.nextCursor ?? '' });
  expect(second.nextCursor).toBeUndefined();
  const classes = [...first.batches, ...second.batches].map(({ recordClass }) => recordClass);
  expect(classes.sort()).toEqual(['customer', 'lease']);
  const cursor = first.nextCursor ?? '';
  expect((await refusal(searchLog(retain, { limit: 1, rule: 'lease_6_years', cursor }))).code).toBe(
    'USAGE',
  );
  expect((await refusal(searchLog(retain, { limit: 1, cursor: 'bm9uc2Vuc2U' }))).code).toBe(
    'USAGE',
  );
});

it.each([
  [{ recordClass: 'customer' }, 1],
  [{ rule: 'lease_6_years' }, 1],
  [{ action: 'reduce' as const }, 0],
  [{ since: '2020-01-01', until: '2020-12-31' }, 0],
  [{ since: '2020-01-01' }, 2],
  [{ until: '2020-01-01T00:00:00Z' }, 0],
])('searches by %j', async (filter, batches) => {
  expect((await searchLog(housing.retain, { limit: 50, ...filter })).batches).toHaveLength(batches);
});

it('shows a run with its people, totals, statements and what is only unlinked', async () => {
  const { retain } = housing;
  const [entry] = await listRuns(retain, 5);
  expect(entry).toMatchObject({ runId: plan.document.run, status: 'completed' });
  if (!entry) return;
  const shown = await showRun(retain, entry);
  expect(shown.state).toMatchObject({
    requestedBy: 'amira',
    decidedBy: 'benedict',
    decision: 'approve',
  });
  const { steps } = await runProgress(retain, entry);
  expect(steps.map(({ totals, finished }) => [totals.destroyed, finished])).toEqual([
    [19, true],
    [9, true],
  ]);
  expect(await unlinkedTables(retain, entry)).toEqual(new Set(['"public"."newsletter"']));
  const statements = await runStatements(retain, entry);
  expect(statements.map(({ sha256 }) => sha256)).toEqual(
    plan.document.steps.map(({ statementsSha256 }) => statementsSha256),
  );
});

it('reads back every key text that it wrote', () => {
  for (const key of [['7'], ['a:b', ''], ['3:x', 'ü', '12'], [randomUUID(), ':']]) {
    expect(keyColumnsOf(keyTextOf(key), key.length)).toEqual(key);
  }
});
