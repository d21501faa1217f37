import { randomBytes } from 'node:crypto';
import postgres, { type Sql } from 'postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkStore, installStore, uninstallStore } from '../../app/store-admin.ts';
import { parseSchedule } from '../../config/schedule-file.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { closingTable, deleteAfter, scheduleText } from './small-schedule.ts';
import { asRole, idsOf, refusalOf } from './tampering.ts';

// Whoever owns the tables installs the guard, without being a superuser. Roles belong to the server, so
// the owner gets here what CREATEROLE would have given on creating them: to grant, not to use.
const { schedule: parsed } = parseSchedule(
  scheduleText({
    classes: { card: { table: 'public.card' } },
    rules: { card_rule: deleteAfter('card', 'closed_on') },
  }),
  'test.yaml',
);
if (!parsed) throw new Error('the schedule does not parse');
const schedule = parsed;

let database: TestDatabase;
let sql: Sql;
let owner: string;
let url: string;

beforeEach(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: 2, onnotice: () => undefined });
  owner = `owner_${process.pid}_${randomBytes(4).toString('hex')}`;
  const password = randomBytes(16).toString('hex');
  const as = new URL(database.url);
  as.username = owner;
  as.password = password;
  url = as.href;
  await sql.unsafe(`create role ${owner} login createrole password '${password}'`);
  for (const role of ['retain_guard_owner', 'retain_app', 'retain_worker', 'retain_auditor']) {
    await sql.unsafe(
      `do $$ begin create role ${role} nologin; exception when duplicate_object then null; end $$`,
    );
  }
  await sql.unsafe(
    `grant retain_guard_owner to ${owner} with admin true, inherit false, set false`,
  );
  await sql.unsafe(`alter database "${database.name}" owner to ${owner}`);
  await asRole(database.url, owner, (owned) =>
    owned.unsafe(`create schema papers; create table papers.unrelated (id integer primary key)`),
  );
  await sql.unsafe(`${closingTable('card')} alter table card owner to ${owner};
    insert into card values (1, '2001-01-01'), (2, '2026-01-01')`);
});
afterEach(async () => {
  await sql.end({ timeout: 5 });
  await database.drop();
  const admin = postgres(new URL('/postgres', database.url).href, {
    max: 1,
    onnotice: () => undefined,
  });
  await admin.unsafe(`drop role ${owner}`);
  await admin.end();
});

/** A control database without a ledger. */
const control = { ledger: { statements: async () => [], pending: async () => [] } };
const retain = () => ({ control, urlOf: () => url });
const install = () => refusalOf(installStore(retain(), schedule, 'records'));
const membership = async () => {
  const [row] = await sql<{ acts: boolean; inherits: boolean }[]>`
    select pg_has_role(${owner}, 'retain_guard_owner', 'set') as acts,
           pg_has_role(${owner}, 'retain_guard_owner', 'usage') as inherits`;
  return row;
};

describe('an owner of the tables who is no superuser', () => {
  it('installs, updates and uninstalls, and afterwards can not act as the owner of the guard', async () => {
    for (const step of [install, install]) {
      expect(await step()).toBe('none');
      expect(await membership()).toEqual({ acts: false, inherits: false });
    }
    const findings = await checkStore({ urlOf: () => database.url }, schedule, 'records');
    // Event triggers are a superuser's to make.
    expect(findings.map(({ code }) => code)).toEqual(['FREEZE_BYPASSED']);
    expect(await refusalOf(uninstallStore(retain(), schedule, 'records'))).toBe('none');
    expect(await membership()).toEqual({ acts: false, inherits: false });
    expect(await idsOf(sql, 'card')).toEqual([1, 2]);
  });

  it('does not reach the tables of the guard', async () => {
    expect(await install()).toBe('none');
    const forge = (mine: Sql) => refusalOf(mine`delete from retain_guard.hold_key`);
    expect(await asRole(database.url, owner, forge)).toBe('42501');
  });
});

describe('somebody who may act as the owner of the guard', () => {
  it('is found, and the statement beside it mends it', async () => {
    await installStore({ control, urlOf: () => database.url }, schedule, 'records');
    const check = () => checkStore({ urlOf: () => database.url }, schedule, 'records');
    const before = await check();
    await sql.unsafe(
      `create role "${owner} too" login; grant retain_guard_owner to "${owner} too"`,
    );
    const found = (await check()).filter(({ message }) => message.includes(`${owner} too`));
    for (const { statement } of found) await sql.unsafe(statement ?? '');
    const after = await check();
    await sql.unsafe(`drop role "${owner} too"`);
    expect(found.map(({ code }) => code)).toEqual(['RIGHTS_EXCESS']);
    expect(after).toEqual(before);
  });
});
