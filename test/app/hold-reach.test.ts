import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listHolds, releaseHold } from '../../app/holds.ts';
import { type PlaceHoldRequest, placeHold } from '../../app/place-hold.ts';
import { installSchedule } from '../../app/schedules.ts';
import { closingTable, deleteAfter, scheduleText } from '../stores/small-schedule.ts';
import { idsOf, refusalOf } from '../stores/tampering.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';

// Contracts and cards, each its own class; what a second version of the schedule makes of them.
type Entry = Readonly<Record<string, unknown>>;
const CONTRACT = { table: 'public.contract', subjects: { person: 'customer_id' } };
const RULE = deleteAfter('contract', 'closed_on');

function version(classes: Readonly<Record<string, Entry>>, rules: Readonly<Record<string, Entry>>) {
  return scheduleText({
    classes: { card: { table: 'public.card' }, ...classes },
    rules: { card_rule: deleteAfter('card', 'closed_on'), ...rules },
  });
}
const withContract = (changed: Entry) =>
  version({ contract: { ...CONTRACT, ...changed } }, { contract_rule: RULE });

const RECORD = { keys: [{ recordClass: 'contract', key: ['3'] }] };
const PERSON = { subjects: [{ kind: 'person', id: '30' }] };
const CASES: [string, Partial<PlaceHoldRequest>, string][] = [
  ['the class is gone', RECORD, version({}, {})],
  [
    'the class has another name',
    RECORD,
    version({ deal: CONTRACT }, { contract_rule: deleteAfter('deal', 'closed_on') }),
  ],
  ['the class is of another table', RECORD, withContract({ table: 'public.copied' })],
  ['the key is another column', RECORD, withContract({ key: ['ref'] })],
  ['the subject is not named any more', PERSON, withContract({ subjects: {} })],
  ['the subject has another name', PERSON, withContract({ subjects: { buyer: 'customer_id' } })],
  ['the subject is in another column', PERSON, withContract({ subjects: { person: 'agent_id' } })],
  ['the class that named the subject is gone', PERSON, version({}, {})],
];

let governed: Governed;
beforeAll(async () => {
  const columns = 'ref text not null unique, customer_id integer, agent_id integer';
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`${closingTable('contract', columns)} ${closingTable('copied', columns)} ${closingTable('card')}
        create index on contract (customer_id); create index on contract (agent_id);
        create index on copied (customer_id); create index on copied (agent_id)`),
    schedule: withContract({}),
  });
});
afterAll(() => governed.end());

beforeEach(async () => {
  const { sql } = governed;
  await sql`truncate retain.run`;
  await sql`delete from retain.schedule_version where version > 1`;
  await sql`update retain_guard.schedule_in_force set version = 1`;
  await sql`truncate retain_guard.matter, retain_guard.hold_reach cascade`;
  await sql`truncate contract, copied, card cascade`;
  await sql`insert into contract select n, '2001-01-01', 'R' || n, n * 10, n * 100 from generate_series(1, 4) n`;
  await sql`insert into card select n, '2001-01-01' from generate_series(1, 2) n`;
});

const hold = (scope: Partial<PlaceHoldRequest>) =>
  placeHold(governed.retain, {
    ...{ matter: 'M-1', openMatterTitle: 'A matter', reason: 'litigation', because: 'a claim' },
    ...{ actor: 'amira', reviewOn: '2030-01-01', keys: [], subjects: [] },
    ...scope,
  });
const install = (text: string) =>
  installSchedule(governed.retain, {
    ...{ text, fileName: 'next.yaml', actor: 'installer' },
    allowShorter: ['contract_rule', 'card_rule'],
  });
/** An install that looked at the holds before this one was placed. */
const raced = (text: string) =>
  governed.retain.control.addSchedule({
    ...{ sha256: 'ab'.repeat(32), document: text, installedBy: 'installer' },
  });
const versions = async () => (await governed.retain.control.scheduleVersions()).length;

async function releaseAll(): Promise<void> {
  for (const { hold: name } of await listHolds(governed.retain)) {
    await releaseHold(governed.retain, name, { actor: 'benedict', because: 'settled' });
  }
}

describe.each(CASES)('a hold in force, and a version in which %s', (_name, scope, next) => {
  it('is not installed, and is once the hold is released', async () => {
    await hold(scope);
    expect(await refusalOf(install(next))).toBe('HOLD_SCOPE_LOST');
    expect(await versions()).toBe(1);
    await releaseAll();
    expect((await install(next)).version).toBe(2);
  });

  it('when it was installed in a race, nothing is planned, not even for other classes', async () => {
    await hold(scope);
    await raced(next);
    expect(await refusalOf(governed.plan())).toBe('HOLD_SCOPE_LOST');
    expect(await refusalOf(governed.plan({ rules: ['card_rule'] }))).toBe('HOLD_SCOPE_LOST');
    expect(await idsOf(governed.sql, 'contract')).toEqual([1, 2, 3, 4]);
    await releaseAll();
    expect((await governed.plan({ rules: ['card_rule'] })).document.steps[0]?.counts.due).toBe(2);
  });
});

describe('a version that still means the same', () => {
  it.each([
    ['with another title', withContract({ title: 'Contracts' })],
    ['with one more class', version({ contract: CONTRACT, copy: { table: 'public.copied' } }, {})],
    ['with one more column', withContract({ subjects: { person: ['customer_id', 'agent_id'] } })],
  ])('%s is installed, and the hold goes on holding', async (_name, next) => {
    await hold(RECORD);
    await hold({ ...PERSON, matter: 'M-2' });
    expect((await install(next)).version).toBe(2);
    await install(withContract({ title: 'Once more' }));
    const plan = await governed.plan();
    await governed.carryOut(plan);
    expect(await idsOf(governed.sql, 'contract')).toEqual([3]);
    expect(await idsOf(governed.sql, 'card')).toEqual([]);
  });
});
