import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkStore } from '../../app/store-admin.ts';
import { parseSchedule } from '../../config/schedule-file.ts';
import { joinQualified } from '../../domain/identifier.ts';
import { quoteIdentifier as q } from '../../stores/postgres/identifier.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { scheduleText, timed } from './small-schedule.ts';

const NAMES = [
  'a"; drop table x; --',
  `it's`,
  'select',
  'UPPER',
  'with space ',
  'dot.ted',
  '$1',
  '%I %s',
  'back\\slash',
  'ünï→名前',
  'n'.repeat(63),
];

// Each name in turn is schema, table, key, trigger, constraint, part, part column and overwritten column.
const SETUP = NAMES.map(
  (name) => `
  create schema ${q(name)};
  create table ${q(name)}.${q(name)} (${q(name)} text primary key, ${q(`t${name}`.slice(0, 60))} date, "keep me" text);
  create index on ${q(name)}.${q(name)} (${q(`t${name}`.slice(0, 60))});
  create table ${q(name)}.part (${q(name)} text, constraint ${q(name)} foreign key (${q(name)}) references ${q(name)}.${q(name)});
  create index on ${q(name)}.part (${q(name)});
  insert into ${q(name)}.${q(name)} values ('old', '2001-01-01', 'secret'), ('young', '2026-01-01', 'kept');
  insert into ${q(name)}.part values ('old'), ('young'), (null);`,
).join('');

let governed: Governed;
const text = scheduleText({
  classes: Object.fromEntries(
    NAMES.map((name, index) => [
      `class_${index}`,
      {
        table: joinQualified([name, name]),
        key: [name],
        subjects: { person: name },
        references: { [name]: 'owned' },
      },
    ]),
  ),
  rules: Object.fromEntries(
    NAMES.map((name, index) => [
      `rule_${index}`,
      index % 2
        ? timed(`class_${index}`, { event: 'closed', column: `t${name}`.slice(0, 60) }, 'delete', {
            where: { 'keep me': 'secret' },
          })
        : timed(
            `class_${index}`,
            { event: 'closed', column: `t${name}`.slice(0, 60) },
            'anonymise',
            { columns: { 'keep me': { constant: name } } },
          ),
    ]),
  ),
});

beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) => sql.unsafe(`create table x (id integer); insert into x values (1); ${SETUP}`),
    schedule: text,
  });
  const plan = await governed.plan();
  await governed.carryOut(plan);
  expect((await governed.close(plan)).outcome).toBe('completed');
});
afterAll(() => governed.end());

describe('names that would be SQL elsewhere are only names here', () => {
  it.each(NAMES.map((name, index) => [name, index] as const))('%s', async (name, index) => {
    const rows = await governed.sql.unsafe<{ key: string; kept: string }[]>(
      `select ${q(name)} as key, "keep me" as kept from ${q(name)}.${q(name)} order by 1`,
    );
    const young = { key: 'young', kept: 'kept' };
    expect([...rows]).toEqual(index % 2 ? [young] : [{ key: 'old', kept: name }, young]);
    const parts = await governed.sql.unsafe<{ key: string | null }[]>(
      `select ${q(name)} as key from ${q(name)}.part order by 1`,
    );
    expect(parts.map(({ key }) => key)).toEqual(['young', null]);
  });

  it('nothing of them was executed, and the rights are as they must be', async () => {
    expect(await governed.sql`select id from x`).toHaveLength(1);
    const { schedule } = parseSchedule(text, 'test.yaml');
    if (!schedule) throw new Error('the schedule does not parse');
    expect(await checkStore(governed.retain, schedule, governed.store)).toEqual([]);
  });
});
