import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkBystanders } from '../../examples/housing/bystander-check.ts';
import { plantBystanders } from '../../examples/housing/bystanders.ts';
import { createHousingTables, generateHousing } from '../../examples/housing/generator.ts';
import { independentCounts } from '../../examples/housing/independent-counts.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const AS_OF = new Date('2026-11-21T23:10:00Z');
const RECORD_CLASSES = [
  'cctv_recording',
  'customer',
  'tenancy',
  'special_requirement',
  'call_recording',
];
const PARTS = ['contract', 'note', 'complaint', 'newsletter', 'rent_line', 'tenancy_document'];

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: 2, onnotice: () => undefined });
});

afterAll(async () => {
  await sql.end();
  await database.drop();
});

beforeEach(async () => {
  await sql`drop schema public cascade`;
  await sql`create schema public`;
  await createHousingTables(sql);
});

async function countOf(table: string): Promise<number> {
  const rows = await sql<{ n: number }[]>`select count(*)::int as n from ${sql(table)}`;
  return rows[0]!.n;
}

async function checksums(): Promise<Record<string, string | null>> {
  const found: Record<string, string | null> = {};
  for (const table of [...RECORD_CLASSES, ...PARTS, 'person_capacity', 'property']) {
    const rows = await sql<{ sum: string | null }[]>`
      select sum(hashtextextended(t::text, 0))::text as sum from ${sql(table)} t`;
    found[table] = rows[0]!.sum;
  }
  return found;
}

async function empty(): Promise<void> {
  await sql`truncate person, property, customer, contract, note, complaint, newsletter, tenancy,
    special_requirement, rent_line, tenancy_document, cctv_recording, call_recording, person_capacity`;
}

describe('the generator', () => {
  it('gives the same rows for the same seed, size and instant, and others for another seed', async () => {
    await generateHousing(sql, { records: 2_000, seed: 7, asOf: AS_OF });
    const first = await checksums();
    await empty();
    await generateHousing(sql, { records: 2_000, seed: 7, asOf: AS_OF });
    expect(await checksums()).toEqual(first);
    await empty();
    await generateHousing(sql, { records: 2_000, seed: 8, asOf: AS_OF });
    expect(await checksums()).not.toEqual(first);
  });

  it.each([100, 3_333])('makes exactly %i records', async (records) => {
    await generateHousing(sql, { records, seed: 1, asOf: AS_OF });
    const counts = await Promise.all(RECORD_CLASSES.map(countOf));
    expect(counts.reduce((sum, n) => sum + n, 0)).toBe(records);
  });

  it('spreads dates so that every rule finds some records due and most not', async () => {
    await generateHousing(sql, { records: 20_000, seed: 7, asOf: AS_OF });
    const counts = await independentCounts(sql, AS_OF);
    const share = async (due: number, table: string) => due / (await countOf(table));
    const customers = counts.customer_6_years;
    expect(await share(customers.due, 'customer')).toSatisfy((s: number) => s > 0.03 && s < 0.05);
    expect(customers.blocked).toSatisfy((n: number) => n > 0 && n < customers.due / 3);
    expect(customers.parts.note).toBeGreaterThan(0);
    expect(await share(counts.cctv_30_days.due, 'cctv_recording')).toSatisfy(
      (s: number) => s > 0.25 && s < 0.4,
    );
    expect(counts.special_requirements_6_years.due).toBeGreaterThan(0);
    expect(await share(counts.tenancy_file_6_years.due, 'tenancy')).toSatisfy(
      (s: number) => s > 0.03 && s < 0.09,
    );
  });

  it('invents nobody real: every address is at example.org, and nothing is later than the instant', async () => {
    await generateHousing(sql, { records: 5_000, seed: 7, asOf: AS_OF });
    await plantBystanders(sql, AS_OF);
    const rows = await sql`
      select email from customer where email !~ '^[a-z0-9.]+@example[.]org$'
      union all select email from newsletter where email !~ '^[a-z0-9.]+@example[.]org$'
      union all select phone from customer where phone !~ '^07700 900[0-9]{3}$'
      union all select 'recording' from cctv_recording where recorded_at > ${AS_OF}
      union all select 'note' from note where written_at > ${AS_OF}
      union all select 'contract' from contract where greatest(opened_on, closed_on) > '2026-11-21'
      union all select 'tenancy' from tenancy where greatest(started_on, ended_on) > '2026-11-21'`;
    expect(rows).toEqual([]);
  });

  it('leaves new rows of the application free to follow, and no helper behind', async () => {
    await generateHousing(sql, { records: 1_000, seed: 7, asOf: AS_OF });
    await sql`insert into property (address_line, postcode) values ('1 New Row', 'ZZ1 1AP')`;
    expect(await countOf('property')).toBe(101);
    expect(await sql`select 1 from pg_namespace where nspname = 'housing_generator'`).toEqual([]);
  });

  it('refuses tables that hold rows, and sizes that are not whole numbers of at least 100', async () => {
    await sql`insert into property (address_line, postcode) values ('1 Old Row', 'ZZ1 1AP')`;
    const options = { records: 1_000, seed: 7, asOf: AS_OF };
    await expect(generateHousing(sql, options)).rejects.toMatchObject({ code: 'USAGE' });
    for (const records of [99, 100.5, Number.NaN]) {
      await expect(generateHousing(sql, { ...options, records })).rejects.toMatchObject({
        code: 'USAGE',
      });
    }
    expect(await countOf('person')).toBe(0);
  });
});

describe('the bystanders', () => {
  // Six years after 29 February 2020, the day before and after; a London midnight in summer; a leap day.
  it.each([
    '2026-11-21T23:10:00Z',
    '2026-02-28T23:59:59Z',
    '2026-03-01T00:00:00Z',
    '2026-06-30T23:30:00Z',
    '2028-02-29T12:00:00Z',
  ])('stand on both sides of every edge as of %s', async (instant) => {
    const asOf = new Date(instant);
    const planted = await plantBystanders(sql, asOf);
    const counts = await independentCounts(sql, asOf);
    const going = (name: string) =>
      planted.filter((one) => one.class === name && one.expect !== 'survives').length;
    expect(counts.cctv_30_days.due).toBe(going('cctv_recording'));
    expect(counts.customer_6_years.due - counts.customer_6_years.blocked).toBe(going('customer'));
    expect(counts.customer_6_years.blocked).toBe(5);
    expect(counts.customer_6_years.blockedOnlyByDue).toBe(1);
    expect(counts.customer_6_years.detached.newsletter).toBe(going('newsletter'));
    expect(counts.special_requirements_6_years.due).toBe(going('special_requirement'));
    expect(counts.tenancy_file_6_years.due).toBe(going('tenancy'));
  });

  it('are all as expected after a disposal by hand, and none that goes is as expected before', async () => {
    const planted = await plantBystanders(sql, AS_OF);
    const before = await checkBystanders(sql, planted);
    expect(before.every(({ found }) => found === 'survives')).toBe(true);
    for (const { class: name, key, expect: wanted } of planted) {
      if (wanted === 'destroyed' && name === 'customer') await deleteCustomer(key);
      else if (wanted === 'destroyed') await sql`delete from ${sql(name)} where id = ${key}`;
      else if (wanted === 'reduced') await reduceTenancy(key);
    }
    const after = await checkBystanders(sql, planted);
    expect(after.filter(({ asExpected }) => !asExpected)).toEqual([]);
  });

  it('are reported when one that should survive has lost a part or a value', async () => {
    const planted = await plantBystanders(sql, AS_OF);
    const survivors = planted.filter((one) => one.expect === 'survives');
    const customer = survivors.find((one) => one.why.includes('reopened'))!;
    const tenancy = survivors.find((one) => one.why.includes('twenty years'))!;
    await sql`delete from note where contract_id in (
      select id from contract where customer_id = ${customer.key})`;
    await sql`update tenancy set bank_sort_code = null where id = ${tenancy.key}`;
    const changed = (await checkBystanders(sql, survivors)).filter((one) => !one.asExpected);
    expect(changed.map((one) => [one.bystander.key, one.found])).toEqual([
      [customer.key, 'changed'],
      [tenancy.key, 'changed'],
    ]);
  });
});

async function deleteCustomer(key: string): Promise<void> {
  await sql`delete from note where contract_id in (
    select id from contract where customer_id = ${key})`;
  await sql`delete from contract where customer_id = ${key}`;
  await sql`update newsletter set customer_id = null where customer_id = ${key}`;
  await sql`delete from customer where id = ${key}`;
}

async function reduceTenancy(key: string): Promise<void> {
  await sql`delete from rent_line where tenancy_id = ${key}`;
  await sql`delete from tenancy_document where tenancy_id = ${key}`;
  await sql`
    update tenancy set tenant_id = null, rent_reference = null, weekly_rent_pence = null,
      bank_sort_code = null where id = ${key}`;
}
