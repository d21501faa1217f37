import { afterEach, describe, expect, it } from 'vitest';
import { type Governed, governedDatabase } from '../support/governed.ts';
import {
  closingTable,
  deleteAfter,
  deleteAfterLatest,
  partTable,
  scheduleText,
} from './small-schedule.ts';
import { idsOf, refusalOf } from './tampering.ts';

let governed: Governed | undefined;
afterEach(async () => {
  await governed?.end();
  governed = undefined;
});

type References = Readonly<Record<string, string>>;

/** A database whose class `folder` goes by its closing day. */
async function folders(setup: string, references: References, more = {}): Promise<Governed> {
  governed = await governedDatabase({
    setup: (sql) => sql.unsafe(setup),
    schedule: scheduleText({
      classes: { folder: { table: 'public.folder', references }, ...more },
      rules: { folder_rule: deleteAfter('folder', 'closed_on') },
    }),
  });
  return governed;
}

async function destroyed(one: Governed): Promise<number> {
  const plan = await one.plan();
  const results = await one.carryOut(plan);
  const closed = await one.close(plan);
  expect(closed.outcome).toBe('completed');
  return results.reduce((sum, { totals }) => sum + totals.destroyed, 0);
}

describe('a table that references itself', () => {
  const SETUP = `
    ${closingTable('folder', 'parent_id integer constraint parent_fk references folder')}
    create index on folder (parent_id);
    insert into folder values (1, '2001-01-01', null), (2, '2001-01-01', 1), (3, '2026-01-01', 1), (4, '2001-01-01', 3), (5, '2001-01-01', 5)`;

  it('owned is refused, with the reason and what to say instead', async () => {
    await expect(folders(SETUP, { parent_fk: 'owned' })).rejects.toThrow(
      /parent_fk leads back to public\.folder: .*say blocking or detached/,
    );
  });

  it('blocking keeps every record that another one, or itself, points at', async () => {
    const one = await folders(SETUP, { parent_fk: 'blocking' });
    expect(await destroyed(one)).toBe(2);
    expect(await idsOf(one.sql, 'folder')).toEqual([1, 3, 5]);
  });

  it('detached clears the pointers of those that stay, and destroys those that point at each other', async () => {
    const one = await folders(SETUP, { parent_fk: 'detached' });
    expect(await destroyed(one)).toBe(4);
    expect([...(await one.sql`select id, parent_id from folder`)]).toEqual([
      { id: 3, parent_id: null },
    ]);
  });
});

describe('a record that points back at one of its own parts', () => {
  const SETUP = `
    ${closingTable('folder', 'cover_id integer')}
    ${partTable('sheet', 'folder')}
    alter table folder add constraint cover_fk foreign key (cover_id) references sheet;
    create index on folder (cover_id);
    insert into folder values (1, '2001-01-01'), (2, '2001-01-01'), (3, '2026-01-01');
    insert into sheet values (10, 1), (11, 1), (20, 2), (30, 3);
    update folder set cover_id = id * 10 where id <> 3;
    update folder set cover_id = 20 where id = 3`;

  it('owned both ways is refused', async () => {
    const refused = folders(SETUP, { sheet_folder_id_fkey: 'owned', cover_fk: 'owned' });
    await expect(refused).rejects.toThrow(/cover_fk leads back/);
  });

  it('detached: the circle goes with its record, and a pointer from a kept record is cleared', async () => {
    const one = await folders(SETUP, { sheet_folder_id_fkey: 'owned', cover_fk: 'detached' });
    expect(await destroyed(one)).toBe(2);
    expect([...(await one.sql`select id, cover_id from folder`)]).toEqual([
      { id: 3, cover_id: null },
    ]);
    expect(await idsOf(one.sql, 'sheet')).toEqual([30]);
  });
});

it('a part that is reached by two ways goes once, and the log counts it once', async () => {
  const one = await folders(
    `${closingTable('folder')} ${partTable('sheet', 'folder')} ${partTable('tab', 'folder')}
     create table stamp (id integer primary key, sheet_id integer references sheet, tab_id integer references tab);
     create index on stamp (sheet_id); create index on stamp (tab_id);
     insert into folder values (1, '2001-01-01'), (2, '2026-01-01');
     insert into sheet values (1, 1), (2, 2); insert into tab values (1, 1), (2, 2);
     insert into stamp values (1, 1, 1), (2, 1, null), (3, null, 1), (4, 2, 2)`,
    {
      sheet_folder_id_fkey: 'owned',
      tab_folder_id_fkey: 'owned',
      stamp_sheet_id_fkey: 'owned',
      stamp_tab_id_fkey: 'owned',
    },
  );
  expect(await destroyed(one)).toBe(1);
  expect(await idsOf(one.sql, 'stamp')).toEqual([4]);
  const [batch] = await one.sql`select parts from retain_guard.batch`;
  expect(batch?.['parts']).toEqual({
    '"public"."sheet"': 1,
    '"public"."tab"': 1,
    '"public"."stamp"': 3,
  });
});

it('foreign keys of one name on different tables are told apart by their table', async () => {
  const part = (name: string) => `
    create table ${name} (id integer primary key, folder_id integer, constraint of_folder foreign key (folder_id) references folder);
    create index on ${name} (folder_id);
    insert into ${name} values (1, 1), (2, 2);`;
  const setup = `${closingTable('folder')}
    insert into folder values (1, '2001-01-01'), (2, '2026-01-01'), (3, '2001-01-01');
    ${part('sheet')} ${part('letter')} ${part('complaint')}
    delete from complaint; insert into complaint values (1, 3)`;
  const one = await folders(setup, {
    'sheet.of_folder': 'owned',
    'public.letter.of_folder': 'detached',
    'complaint.of_folder': 'blocking',
  });
  expect(await destroyed(one)).toBe(1);
  expect(await idsOf(one.sql, 'folder')).toEqual([2, 3]);
  expect(await idsOf(one.sql, 'sheet')).toEqual([2]);
  expect(await idsOf(one.sql, 'letter')).toEqual([1, 2]);
  expect(await idsOf(one.sql, 'complaint')).toEqual([1]);
});

it('rules at two stages: what is due for deletion is not reduced first, and the sum is what each alone would be', async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`${closingTable('folder', 'name text, note text')} ${partTable('sheet', 'folder')}
        insert into folder values (1, '2001-01-01', 'a', 'x'), (2, '2018-01-01', 'b', 'y'), (3, '2026-01-01', 'c', 'z');
        insert into sheet values (1, 1), (2, 2), (3, 3)`),
    schedule: scheduleText({
      classes: {
        folder: { table: 'public.folder', references: { sheet_folder_id_fkey: 'owned' } },
      },
      rules: {
        shrink: deleteAfter('folder', 'closed_on', { then: 'reduce', to: ['closed_on', 'name'] }),
        remove: deleteAfter('folder', 'closed_on', { keep: { at_least: 'P20Y' } }),
      },
    }),
  });
  expect(await destroyed(governed)).toBe(2);
  expect([...(await governed.sql`select id, name, note from folder order by id`)]).toEqual([
    { id: 2, name: 'b', note: null },
    { id: 3, name: 'c', note: 'z' },
  ]);
  expect(await idsOf(governed.sql, 'sheet')).toEqual([3]);
  expect((await governed.plan()).document.steps.map(({ counts }) => counts.due)).toEqual([0, 0]);
});

it('the latest of a part decides, an open one or none at all keeps the record', async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`create table folder (id integer primary key);
        ${partTable('contract', 'folder', 'ended_on date')} create index on contract (ended_on);
        insert into folder select generate_series(1, 5);
        insert into contract values (1, 1, '2001-01-01'), (2, 2, '2001-01-01'), (3, 2, null), (4, 3, '2001-01-01'), (5, 3, '2026-01-01'), (6, 5, '-infinity')`),
    schedule: scheduleText({
      classes: {
        folder: { table: 'public.folder', references: { contract_folder_id_fkey: 'owned' } },
      },
      rules: { folder_rule: deleteAfterLatest('folder', 'contract.ended_on') },
    }),
  });
  expect(await destroyed(governed)).toBe(1);
  expect(await idsOf(governed.sql, 'folder')).toEqual([2, 3, 4, 5]);
  expect(await idsOf(governed.sql, 'contract')).toEqual([2, 3, 4, 5, 6]);
  expect(await refusalOf(governed.plan({ rules: ['nothing'] }))).toBe('RULE_UNKNOWN');
});
