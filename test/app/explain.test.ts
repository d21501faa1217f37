import { afterAll, beforeAll, expect, it } from 'vitest';
import { explainRecord } from '../../app/explain.ts';
import { connectStore } from '../../stores/postgres/connection.ts';
import { guardApp } from '../../stores/postgres/guard-app.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';

let club: Governed;

beforeAll(async () => {
  club = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`
        create table public.member (id bigint primary key, name text);
        create table public.contract (id bigint primary key, member_id bigint not null references public.member, closed_on date);
        create index on public.contract (member_id);
        create index on public.contract (closed_on);
        create table public.complaint (id bigint primary key, member_id bigint not null references public.member);
        create index on public.complaint (member_id);
        insert into public.member select n, 'name ' || n from generate_series(1, 6) n;
        insert into public.contract values (1, 1, '2015-03-03'), (2, 2, '2015-03-03'), (3, 2, null),
                                           (4, 3, '2015-03-03'), (5, 4, current_date), (6, 5, '2015-03-03');
        insert into public.complaint values (1, 5);
      `),
    schedule: `
format: retain/1
organisation: Club
timezone: Europe/London
stores:
  club: { kind: postgres, connection: env:CLUB_URL, backups_kept_for: P30D }
record_classes:
  member:
    title: Member
    store: club
    table: public.member
    key: [id]
    subjects: { member: id }
    references: { contract_member_id_fkey: owned, complaint_member_id_fkey: blocking }
  contract: { title: Contract, store: club, table: public.contract, key: [id], subjects: { member: member_id } }
rules:
  member_6_years:
    applies_to: member
    trigger: { event: contract closed, latest: contract.closed_on }
    keep: { at_least: P6Y }
    then: delete
    authority: Limitation Act 1980, section 5
    owner: dpo@club.example
`,
  });
  const connection = await connectStore('club', club.url, 'retain_app');
  const app = guardApp(connection);
  await app.openMatter('M-1', 'test matter', 'diana');
  // A hold on a part: contract 4 belongs to member 3.
  await app.placeHold({
    matter: 'M-1',
    reason: 'litigation',
    because: 'letter',
    placedBy: 'diana',
    reviewOn: '2030-01-01',
    keys: [{ recordClass: 'contract', keyText: '4' }],
    subjects: [],
  });
  await connection.end();
});
afterAll(() => club.end());

it('says when a record may go, with the trigger and the dates that follow from it', async () => {
  const one = await explainRecord(club.retain, 'member', ['1']);
  expect(one).toMatchObject({ exists: true, verdict: 'due', holds: [], blockedBy: [] });
  expect(one.rules[0]).toMatchObject({
    state: { trigger: '2015-03-03', parts: { all: 1, open: 0 }, due: true },
    dates: { destroyableFrom: '2021-03-04T00:00:00Z' },
  });
});

it('keeps a record with an open contract and says how many are open', async () => {
  const two = await explainRecord(club.retain, 'member', ['2']);
  expect(two.verdict).toBe('kept');
  expect(two.rules[0]?.state).toMatchObject({
    trigger: null,
    parts: { all: 2, open: 1 },
    due: false,
  });
});

it('finds the hold on a part and names the matter', async () => {
  const three = await explainRecord(club.retain, 'member', ['3']);
  expect(three.verdict).toBe('held');
  expect(three.holds).toMatchObject([{ matter: 'M-1', through: 'contract' }]);
});

it('names the reference that blocks', async () => {
  const five = await explainRecord(club.retain, 'member', ['5']);
  expect(five).toMatchObject({
    verdict: 'blocked',
    blockedBy: [{ constraint: 'complaint_member_id_fkey' }],
  });
});

it('keeps a record whose period has not passed, and one that never had a contract', async () => {
  expect((await explainRecord(club.retain, 'member', ['4'])).verdict).toBe('kept');
  expect((await explainRecord(club.retain, 'member', ['6'])).verdict).toBe('kept');
});

it('takes a key in any spelling its type takes, and refuses others without repeating them', async () => {
  expect((await explainRecord(club.retain, 'member', ['0001'])).exists).toBe(true);
  expect((await explainRecord(club.retain, 'member', ['99'])).verdict).toBe('absent');
  const refused = explainRecord(club.retain, 'member', ['sir-robin']);
  await expect(refused).rejects.toMatchObject({ code: 'KEY_INVALID' });
  await expect(refused).rejects.not.toThrow(/robin/);
  await expect(explainRecord(club.retain, 'membre', ['1'])).rejects.toMatchObject({
    code: 'RECORD_CLASS_UNKNOWN',
  });
});
