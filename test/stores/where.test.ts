import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { deleteAfter, scheduleText } from './small-schedule.ts';
import { idsOf } from './tampering.ts';

// Six records, all old enough: two of one kind, two of another, two that say nothing of themselves.
const CASES: [string, Record<string, unknown>, number[]][] = [
  ['char(n)', { code: 'ABC' }, [3, 4, 5, 6]],
  ['an enum', { status: 'bad' }, [3, 4, 5, 6]],
  ['a domain with a name to quote', { tag: "x'; --" }, [3, 4, 5, 6]],
  ['a boolean', { flag: false }, [3, 4, 5, 6]],
  ['a number written otherwise', { size: 1.5 }, [3, 4, 5, 6]],
  ['text in its own case', { kind: 'k' }, [3, 4, 5, 6]],
  ['a list', { amount: { in: [7, 8] } }, [3, 4, 5, 6]],
  ['a list of an enum', { status: { in: ['good', 'bad'] } }, [5, 6]],
  ['not, which leaves what is not known', { status: { not: 'good' } }, [3, 4, 5, 6]],
  ['null', { status: { is: null } }, [1, 2, 3, 4]],
  ['not null', { status: { is: 'not null' } }, [5, 6]],
  ['several together', { status: 'bad', amount: { not: 7 } }, [1, 2, 3, 4, 5, 6]],
  ['SQL that stays text', { kind: "k' or true; drop table case_0; --" }, [1, 2, 3, 4, 5, 6]],
];
const TYPES = `create type mood as enum ('good', 'bad'); create domain "my Label" as text;`;
const table = (_case: unknown, index: number) => `
  create table case_${index} (id integer primary key, closed_on date, code char(8), status mood, tag "my Label",
    flag boolean, size numeric(10, 2), kind text, amount integer);
  create index on case_${index} (closed_on);
  insert into case_${index} (id, closed_on) select n, '2001-01-01' from generate_series(1, 6) n;
  update case_${index} set code = 'ABC', status = 'bad', tag = 'x''; --', flag = false, size = 1.5, kind = 'k', amount = 7
   where id in (1, 2);
  update case_${index} set code = 'A', status = 'good', tag = 'x', flag = true, size = 1.51, kind = 'K', amount = 70
   where id in (3, 4);`;

let governed: Governed;
beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) => sql.unsafe(TYPES + CASES.map(table).join('')),
    schedule: scheduleText({
      classes: Object.fromEntries(
        CASES.map((_case, index) => [`case_${index}`, { table: `public.case_${index}` }]),
      ),
      rules: Object.fromEntries(
        CASES.map(([, where], index) => [
          `rule_${index}`,
          deleteAfter(`case_${index}`, 'closed_on', { where }),
        ]),
      ),
    }),
  });
  const plan = await governed.plan();
  await governed.carryOut(plan);
  await governed.close(plan);
});
afterAll(() => governed.end());

describe('where: chooses by data, in every type, and never by SQL', () => {
  it.each(CASES.map(([name, , kept], index) => [name, index, kept] as const))(
    '%s',
    async (_name, index, kept) => {
      expect(await idsOf(governed.sql, `case_${index}`)).toEqual(kept);
    },
  );
});
