import { afterEach, describe, expect, it } from 'vitest';
import { parseSchedule } from '../../config/schedule-file.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import {
  closingTable,
  deleteAfter,
  deleteAfterLatest,
  partTable,
  scheduleText,
} from './small-schedule.ts';
import { idsOf, refusalOf, weakenStatements } from './tampering.ts';

let governed: Governed | undefined;
afterEach(async () => {
  await governed?.end();
  governed = undefined;
});

async function withFolders(
  setup: string,
  references: Record<string, string>,
  rule: Record<string, unknown> = {},
): Promise<Governed> {
  governed = await governedDatabase({
    setup: (sql) => sql.unsafe(setup),
    schedule: scheduleText({
      classes: { folder: { table: 'public.folder', references } },
      rules: { folder_rule: deleteAfter('folder', 'closed_on', rule) },
    }),
  });
  return governed;
}

const rows = async (one: Governed, query: string) => [...(await one.sql.unsafe(query))];
const SHEETS = 'select id, folder_id from sheet order by id';
const FOLDERS = `insert into folder select n, '2001-01-01' from generate_series(1, 3) n;
  insert into folder values (4, '2026-01-01');`;

describe('a trigger that keeps an owned part, which the foreign key would let go of', () => {
  const stubborn = () =>
    withFolders(
      `${closingTable('folder')}
       create table sheet (id integer primary key, folder_id integer references folder on delete set null);
       create index on sheet (folder_id);
       ${FOLDERS} insert into sheet select n, n from generate_series(1, 4) n;
       create function keeps() returns trigger language plpgsql as
         'begin if old.id = 2 then return null; end if; return old; end';
       create trigger keeps before delete on sheet for each row execute function keeps()`,
      { sheet_folder_id_fkey: 'owned' },
    );

  it('BATCH_MISMATCH: nothing is destroyed and nothing is unlinked', async () => {
    const one = await stubborn();
    const before = await rows(one, SHEETS);
    const plan = await one.plan();
    expect(plan.document.steps[0]?.counts.destroys).toBe(3);
    expect(await refusalOf(one.carryOut(plan))).toBe('BATCH_MISMATCH');
    expect(await idsOf(one.sql, 'folder')).toEqual([1, 2, 3, 4]);
    expect(await rows(one, SHEETS)).toEqual(before);
    expect(await one.sql`select from retain_guard.batch`).toHaveLength(0);
  });

  it('twin: a guard that does not look again leaves the part behind, of nobody', async () => {
    const one = await stubborn();
    const plan = await one.plan();
    const restore = await weakenStatements(
      one.sql,
      plan,
      1,
      /"remains":\[[^\]]*\]/,
      '"remains":[]',
    );
    await one.carryOut(plan);
    await restore();
    expect(await idsOf(one.sql, 'folder')).toEqual([4]);
    expect(await rows(one, SHEETS)).toEqual([
      { id: 2, folder_id: null },
      { id: 4, folder_id: 4 },
    ]);
  });

  it('a trigger that lets parts go is no hindrance', async () => {
    const one = await stubborn();
    await one.sql.unsafe(
      `create or replace function keeps() returns trigger language plpgsql as 'begin return old; end'`,
    );
    await one.carryOut(await one.plan());
    expect(await idsOf(one.sql, 'folder')).toEqual([4]);
    expect(await rows(one, SHEETS)).toEqual([{ id: 4, folder_id: 4 }]);
  });
});

describe('a later stage that counts from parts', () => {
  it.each([
    ['anonymise', { then: 'anonymise', columns: { title: null } }],
    ['reduce', { then: 'reduce', to: ['closed_on'] }],
  ])('is never reached after %s, and the schedule says so', (_name, first) => {
    const later = deleteAfterLatest('folder', 'sheet.closed_on', { keep: { at_least: 'P20Y' } });
    const { findings } = parseSchedule(
      scheduleText({
        classes: {
          folder: { table: 'public.folder', references: { sheet_folder_id_fkey: 'owned' } },
        },
        rules: { first: deleteAfter('folder', 'closed_on', first), later },
      }),
      'test.yaml',
    );
    expect(findings.map(({ code, path }) => `${code} ${path}`)).toEqual([
      'STAGE_UNREACHABLE rules.later.trigger.latest',
    ]);
  });
});

describe.each([
  ['reduced', { then: 'reduce', to: ['closed_on'] }],
  ['anonymised', { then: 'anonymise', columns: { title: null } }],
])('a record that was %s already', (_name, rule) => {
  const letters = () =>
    withFolders(
      `${closingTable('folder', 'title text')} ${partTable('letter', 'folder')}
       insert into folder select n, '2001-01-01', 'title' from generate_series(1, 3) n;
       insert into folder values (4, '2026-01-01', 'title');
       insert into letter select n, n from generate_series(1, 4) n`,
      { letter_folder_id_fkey: 'detached' },
      rule,
    );
  const TITLED = 'select id from folder where title is not null order by id';

  it('is not touched again for a detached row that was written after the plan', async () => {
    const one = await letters();
    await one.carryOut(await one.plan());
    expect((await one.plan()).document.steps[0]?.counts.due).toBe(0);
    await one.sql`insert into folder values (5, '2001-01-01', 'title'), (6, '2001-01-01', 'title')`;
    const plan = await one.plan();
    expect(plan.document.steps[0]?.counts.due).toBe(2);
    await one.sql`insert into letter values (20, 2), (50, 5)`;
    const [result] = await one.carryOut(plan);
    expect(result?.totals).toMatchObject({ destroyed: 1, changed: expect.any(Number) });
    expect(result?.totals.changed).toBeGreaterThan(0);
    expect(await rows(one, TITLED)).toEqual([{ id: 4 }, { id: 5 }]);
    expect(await rows(one, 'select * from letter where folder_id is not null order by id')).toEqual(
      [
        { id: 4, folder_id: 4 },
        { id: 20, folder_id: 2 },
        { id: 50, folder_id: 5 },
      ],
    );
  });

  it('twin: without that look the new row is unlinked, though nobody planned it', async () => {
    const one = await letters();
    await one.carryOut(await one.plan());
    await one.sql`insert into folder values (5, '2001-01-01', 'title')`;
    const plan = await one.plan();
    await one.sql`insert into letter values (20, 2)`;
    const look = / or exists \(select 1 from \\"public\\"\.\\"letter\\" y0_0.*?\$7\)\)/;
    const restore = await weakenStatements(one.sql, plan, 1, look, '');
    await one.carryOut(plan);
    await restore();
    expect(await rows(one, 'select folder_id from letter where id = 20')).toEqual([
      { folder_id: null },
    ]);
  });
});
