import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SliceResult } from '../../domain/disposal.ts';
import type { Plan } from '../../domain/plan.ts';
import { connectStore } from '../../stores/postgres/connection.ts';
import { guardApp } from '../../stores/postgres/guard-app.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { deleteAfter, scheduleText } from './small-schedule.ts';

// A case file owns volumes, those pages, those marks: three deep, with composite keys all the way. A loan
// of a volume blocks; a bookmark outlives its page although its foreign key would take it along.
const TABLES = `
  create table case_file (ref text primary key, closed_on date);
  create index on case_file (closed_on);
  create table volume (case_ref text references case_file, no integer, primary key (case_ref, no));
  create table page (case_ref text, volume_no integer, no integer, primary key (case_ref, volume_no, no),
    constraint page_of foreign key (case_ref, volume_no) references volume);
  create table mark (id uuid primary key, case_ref text, volume_no integer, page_no integer, reader text,
    constraint mark_of foreign key (case_ref, volume_no, page_no) references page);
  create index on mark (case_ref, volume_no, page_no);
  create table bookmark (id integer primary key, case_ref text, volume_no integer, page_no integer, text text,
    constraint bookmark_of foreign key (case_ref, volume_no, page_no) references page on delete cascade);
  create index on bookmark (case_ref, volume_no, page_no);
  create table loan (id integer primary key, case_ref text, volume_no integer,
    constraint loan_of foreign key (case_ref, volume_no) references volume on delete cascade);
  create index on loan (case_ref, volume_no)`;

const HOSTILE = [
  "it's",
  'a"b',
  'c\\d',
  '{e,f}',
  'null',
  'NULL',
  '',
  ' ',
  'x\ny',
  'tab\there',
  'ünï→𝒳',
  '{"json": [1]}',
  "'; drop table case_file; --",
  '$1 $$ %s %I',
];
const KEPT = ['young', 'open', 'lent', 'held key', 'held mark', 'held reader', "held ' \\ quote"];
const HELD_MARK = randomUUID();

let governed: Governed;
let plan: Plan;
let results: SliceResult[];

async function plant(ref: string, closedOn: string | null): Promise<void> {
  const { sql } = governed;
  await sql`insert into case_file values (${ref}, ${closedOn})`;
  await sql`insert into volume select ${ref}, v from generate_series(1, 2) v`;
  await sql`insert into page select ${ref}, v, p from generate_series(1, 2) v, generate_series(1, 3) p`;
  await sql`
    insert into mark select gen_random_uuid(), ${ref}, v, p, 'nobody'
      from generate_series(1, 2) v, generate_series(1, 3) p, generate_series(1, 2)`;
  await sql`
    insert into bookmark select (select count(*) from bookmark) + v, ${ref}, v, 1, 'of ' || ${ref}
      from generate_series(1, 2) v`;
}

beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) => sql.unsafe(TABLES),
    schedule: scheduleText({
      classes: {
        case_file: {
          table: 'public.case_file',
          key: ['ref'],
          references: {
            volume_case_ref_fkey: 'owned',
            page_of: 'owned',
            mark_of: 'owned',
            bookmark_of: 'detached',
            loan_of: 'blocking',
          },
        },
        mark: { table: 'public.mark', subjects: { reader: 'reader' } },
      },
      rules: { case_rule: deleteAfter('case_file', 'closed_on') },
    }),
  });
  for (const ref of HOSTILE) await plant(ref, '2001-01-01');
  for (const ref of KEPT) {
    await plant(ref, ref === 'open' ? null : ref === 'young' ? '2026-01-01' : '2001-01-01');
  }
  const { sql } = governed;
  await sql`insert into loan values (1, 'lent', 2)`;
  await sql`update mark set id = ${HELD_MARK} where ctid = (select ctid from mark where case_ref = 'held mark' limit 1)`;
  await sql`update mark set reader = 'Zoë "Z"' where ctid = (select ctid from mark where case_ref = 'held reader' limit 1)`;
  await hold();
  plan = await governed.plan();
  results = await governed.carryOut(plan);
});
afterAll(() => governed.end());

async function hold(): Promise<void> {
  const connection = await connectStore(governed.store, governed.url, 'retain_app');
  const app = guardApp(connection);
  await app.openMatter('M-1', 'A matter', 'amira');
  await app.placeHold({
    matter: 'M-1',
    reason: 'litigation',
    because: 'a claim',
    placedBy: 'amira',
    reviewOn: '2030-01-01',
    keys: [
      { recordClass: 'case_file', keyText: 'held key' },
      { recordClass: 'case_file', keyText: "held ' \\ quote" },
      { recordClass: 'mark', keyText: HELD_MARK },
    ],
    subjects: [{ kind: 'reader', subject: 'Zoë "Z"' }],
  });
  await connection.end();
}

const refsIn = async (table: string, column = 'case_ref') => {
  const rows = await governed.sql.unsafe<{ ref: string; rows: number }[]>(
    `select ${column} as ref, count(*)::integer as rows from ${table} where ${column} is not null group by 1`,
  );
  return Object.fromEntries(rows.map(({ ref, rows: count }) => [ref, count]));
};
const each = (rows: number) => Object.fromEntries(KEPT.map((ref) => [ref, rows]));

describe('an aggregate three deep with composite keys', () => {
  it('the plan says what would go and what is withheld, and why', () => {
    expect(plan.document.steps[0]?.counts).toEqual({
      due: HOSTILE.length + 5,
      held: 4,
      blocked: 1,
      changed: 0,
      destroys: HOSTILE.length,
    });
    expect(plan.document.steps[0]?.parts).toEqual({
      '"public"."volume"': HOSTILE.length * 2,
      '"public"."page"': HOSTILE.length * 6,
      '"public"."mark"': HOSTILE.length * 12,
      '"public"."bookmark"': HOSTILE.length * 2,
    });
  });

  it('goes as a whole, whatever its key holds, and every other one stays whole', async () => {
    expect(results[0]?.totals.destroyed).toBe(HOSTILE.length);
    expect(await refsIn('case_file', 'ref')).toEqual(each(1));
    expect(await refsIn('volume')).toEqual(each(2));
    expect(await refsIn('page')).toEqual(each(6));
    expect(await refsIn('mark')).toEqual(each(12));
  });

  it('detached rows below a part stay, unlinked, even where their foreign key cascades', async () => {
    expect(await refsIn('bookmark')).toEqual(each(2));
    const [left] = await governed.sql`
      select count(*)::integer as rows, count(distinct text)::integer as texts from bookmark
       where case_ref is null and volume_no is null and page_no is null`;
    expect(left).toEqual({ rows: HOSTILE.length * 2, texts: HOSTILE.length });
  });

  it('the loan that blocked is still there', async () => {
    expect(await governed.sql`select id from loan`).toHaveLength(1);
  });

  it('the log counts what the tables lost', async () => {
    const [row] = await governed.sql<{ destroyed: number; parts: Record<string, number> }[]>`
      select sum(destroyed)::integer as destroyed, min(parts::text)::jsonb as parts from retain_guard.batch`;
    expect(row?.destroyed).toBe(HOSTILE.length);
    expect(row?.parts).toEqual(plan.document.steps[0]?.parts);
    expect((await governed.close(plan)).outcome).toBe('completed');
  });
});
