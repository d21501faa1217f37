import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../domain/plan.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { closingTable, deleteAfter, partTable, scheduleText } from './small-schedule.ts';
import { idsOf, refusalOf, weaken } from './tampering.ts';

let governed: Governed;
beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`
        ${closingTable('folder', 'title text')} ${partTable('sheet', 'folder', 'text text')}
        ${partTable('letter', 'folder')} ${partTable('complaint', 'folder')} ${closingTable('note', 'owner integer')}
        create table binder (id integer primary key); insert into binder values (1);
        alter table folder add binder_id integer constraint in_binder references binder;
        create index on folder (binder_id);
        create table elsewhere (id integer primary key);
        create function quiet() returns trigger language plpgsql as 'begin return old; end';
        create function loud() returns trigger language plpgsql as 'begin return old; end';
        create trigger watch before delete on note for each row execute function loud();
        insert into folder select n, '2001-01-01' from generate_series(1, 8) n;
        insert into sheet select n, n from generate_series(1, 8) n;
        insert into letter select n, n from generate_series(1, 8) n;
        insert into note select n, '2001-01-01' from generate_series(1, 8) n`),
    schedule: scheduleText({
      classes: {
        folder: {
          table: 'public.folder',
          references: {
            sheet_folder_id_fkey: 'owned',
            letter_folder_id_fkey: 'detached',
            complaint_folder_id_fkey: 'blocking',
          },
        },
        binder: {
          table: 'public.binder',
          references: {
            in_binder: 'owned',
            sheet_folder_id_fkey: 'owned',
            letter_folder_id_fkey: 'detached',
            complaint_folder_id_fkey: 'blocking',
          },
        },
        note: { table: 'public.note' },
      },
      rules: {
        folder_rule: deleteAfter('folder', 'closed_on'),
        note_rule: deleteAfter('note', 'closed_on'),
      },
    }),
  });
});
afterAll(() => governed.end());

const CHANGES: [string, string, string][] = [
  [
    'a foreign key onto the root',
    'alter table elsewhere add folder_id integer references folder on delete cascade',
    'alter table elsewhere drop folder_id',
  ],
  [
    'a foreign key onto a part',
    'alter table elsewhere add sheet_id integer references sheet on delete cascade',
    'alter table elsewhere drop sheet_id',
  ],
  [
    'a foreign key that cascades now',
    'alter table complaint drop constraint complaint_folder_id_fkey, add constraint complaint_folder_id_fkey foreign key (folder_id) references folder on delete cascade',
    'alter table complaint drop constraint complaint_folder_id_fkey, add constraint complaint_folder_id_fkey foreign key (folder_id) references folder',
  ],
  ['a column of the root', 'alter table folder add extra text', 'alter table folder drop extra'],
  ['a column of a part', 'alter table sheet add extra text', 'alter table sheet drop extra'],
  [
    'a column of a detached part',
    'alter table letter add extra text',
    'alter table letter drop extra',
  ],
  [
    'a trigger on the root',
    'create trigger quiet before delete on folder for each row execute function quiet()',
    'drop trigger quiet on folder',
  ],
  [
    'a trigger on a part',
    'create trigger quiet before delete on sheet for each row execute function quiet()',
    'drop trigger quiet on sheet',
  ],
  [
    'a rule on the root',
    'create rule quiet as on delete to folder do also delete from elsewhere',
    'drop rule quiet on folder',
  ],
  [
    'row security on what blocks',
    'alter table complaint enable row level security',
    'alter table complaint disable row level security',
  ],
  [
    'row security on a class through which holds reach the record',
    'alter table binder enable row level security',
    'alter table binder disable row level security',
  ],
  ['a table that inherits', 'create table kin () inherits (folder)', 'drop table kin'],
  [
    'a type',
    'alter table sheet alter text type varchar(9)',
    'alter table sheet alter text type text',
  ],
];

async function opened(rule: string): Promise<Plan> {
  const plan = await governed.plan({ rules: [rule] });
  expect(plan.document.steps[0]?.counts.destroys).toBeGreaterThan(2);
  await governed.approve(plan);
  return plan;
}

const everything = async () =>
  Promise.all(['folder', 'sheet', 'letter', 'note'].map((table) => idsOf(governed.sql, table)));

describe('changed since the plan: SCHEMA_DRIFT, and nothing is destroyed', () => {
  it.each(CHANGES)('%s', async (_name, change, back) => {
    const before = await everything();
    const plan = await opened('folder_rule');
    await governed.sql.unsafe(change);
    const opening = await refusalOf(governed.open(plan));
    await governed.sql.unsafe(back);
    expect(opening).toBe('SCHEMA_DRIFT');
    expect(await everything()).toEqual(before);
  });

  it.each(CHANGES)('%s, between two batches', async (_name, change, back) => {
    const before = await everything();
    const plan = await opened('folder_rule');
    await governed.open(plan);
    const lane = { run: plan.document.run, step: 1, lane: 1 };
    const { fence } = await governed.guard.claimLane(lane);
    await governed.sql.unsafe(change);
    const batch = await refusalOf(governed.guard.disposeBatch(lane, fence, 1));
    await governed.sql.unsafe(back);
    // With row security the server refuses before the guard could compare.
    expect(batch).toBe(change.includes('row level') ? 'RIGHTS_MISSING' : 'SCHEMA_DRIFT');
    expect(await everything()).toEqual(before);
  });

  it('what a trigger of the table does', async () => {
    const plan = await opened('note_rule');
    await governed.open(plan);
    const lane = { run: plan.document.run, step: 1, lane: 1 };
    const { fence } = await governed.guard.claimLane(lane);
    expect((await governed.guard.disposeBatch(lane, fence, 1)).counts.destroyed).toBe(1);
    await governed.sql`
      create or replace function loud() returns trigger language plpgsql as 'begin delete from binder; return old; end'`;
    expect(await refusalOf(governed.guard.disposeBatch(lane, fence, 1))).toBe('SCHEMA_DRIFT');
    expect(await idsOf(governed.sql, 'note')).toHaveLength(7);
    expect(await idsOf(governed.sql, 'binder')).toEqual([1]);
  });

  it('twin: a guard that does not compare lets a new foreign key take strangers along', async () => {
    const plan = await opened('folder_rule');
    await governed.open(plan);
    await governed.sql.unsafe(`
      alter table elsewhere add folder_id integer references folder on delete cascade;
      insert into elsewhere select n, n from generate_series(1, 8) n`);
    const restore = await weaken(
      governed.sql,
      'approved_step',
      "is distinct from step_doc ->> 'schemaSha256'",
      'is null',
    );
    await governed.workLane(plan, 1, 1);
    await restore();
    expect(await idsOf(governed.sql, 'folder')).toEqual([]);
    expect(await idsOf(governed.sql, 'elsewhere')).toEqual([]);
  });
});
