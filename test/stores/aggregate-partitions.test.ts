import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { deleteAfter, scheduleText } from './small-schedule.ts';

// Folders are partitioned by region and their sheets by year. A seal refers to northern folders only and
// a pin to new sheets only: foreign keys onto one single partition, which the parent table does not show.
const TABLES = `
  create table folder (id integer, region text, closed_on date, primary key (id, region)) partition by list (region);
  create table folder_north partition of folder for values in ('north');
  create table folder_south partition of folder for values in ('south', 'east') partition by list (region);
  create table folder_east partition of folder_south for values in ('east');
  create table folder_rest partition of folder_south default;
  create index on folder (closed_on);
  create table sheet (id integer, folder_id integer, region text, year integer, primary key (id, year),
    constraint sheet_fk foreign key (folder_id, region) references folder) partition by range (year);
  create table sheet_old partition of sheet for values from (0) to (2010);
  create table sheet_new partition of sheet for values from (2010) to (3000);
  create index on sheet (folder_id, region);
  create table seal (id integer primary key, folder_id integer, region text,
    constraint seal_fk foreign key (folder_id, region) references folder_north on delete cascade);
  create index on seal (folder_id, region);
  create table pin (id integer primary key, sheet_id integer, year integer,
    constraint pin_fk foreign key (sheet_id, year) references sheet_new on delete cascade);
  create index on pin (sheet_id, year);
  insert into folder select n, r, case when n < 4 then date '2001-01-01' + n else '2026-01-01' end
    from generate_series(1, 5) n, unnest(array['north', 'south', 'east']) r;
  insert into sheet select row_number() over (order by f.id, f.region, y), f.id, f.region, y
    from folder f, unnest(array[2005, 2015]) y;
  insert into seal values (1, 2, 'north'), (2, 5, 'north');
  insert into pin select row_number() over (order by id), id, year from sheet where year = 2015`;

const OLD = ['1 east', '1 north', '1 south', '2 east', '2 south', '3 east', '3 north', '3 south'];
const KEPT = ['2 north', '4 east', '4 north', '4 south', '5 east', '5 north', '5 south'];

let governed: Governed;
beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) => sql.unsafe(TABLES),
    schedule: scheduleText({
      classes: {
        folder: {
          table: 'public.folder',
          key: ['id', 'region'],
          references: { sheet_fk: 'owned', seal_fk: 'blocking', pin_fk: 'detached' },
        },
      },
      rules: { folder_rule: deleteAfter('folder', 'closed_on') },
    }),
  });
});
afterAll(() => governed.end());

const names = async (query: string) =>
  (await governed.sql.unsafe<{ name: string }[]>(`${query} order by 1`)).map(({ name }) => name);

describe('partitioned roots and parts', () => {
  it('go whole, whichever partition they are in, and leave their neighbours', async () => {
    const plan = await governed.plan();
    expect(plan.document.steps[0]?.counts).toMatchObject({
      due: OLD.length + 1,
      blocked: 1,
      destroys: OLD.length,
    });
    await governed.carryOut(plan);
    expect((await governed.close(plan)).outcome).toBe('completed');
    expect(await names("select id || ' ' || region as name from folder")).toEqual(KEPT);
    expect(await names("select distinct folder_id || ' ' || region as name from sheet")).toEqual(
      KEPT,
    );
    const [sheets] = await governed.sql`select count(*)::integer as rows from sheet`;
    expect(sheets?.['rows']).toBe(KEPT.length * 2);
  });

  it('a foreign key of one partition alone blocks there', async () => {
    expect(await names('select id::text as name from seal')).toEqual(['1', '2']);
  });

  it('a foreign key of one partition alone is let go of, not followed', async () => {
    const [pins] = await governed.sql`
      select count(*)::integer as rows, count(sheet_id)::integer as linked, count(year)::integer as years from pin`;
    expect(pins).toEqual({ rows: 15, linked: KEPT.length, years: KEPT.length });
  });

  it('a new partition after the plan stops the step: rows nobody counted are in it', async () => {
    const { sql } = governed;
    await sql`insert into folder values (9, 'south', '2001-01-01')`;
    const plan = await governed.plan();
    await sql.unsafe(`
      create table arrived (id integer, region text, closed_on date, primary key (id, region));
      insert into arrived values (90, 'west', '2001-01-01');
      alter table arrived add constraint west_only check (region = 'west')`);
    await governed.approve(plan);
    await governed.open(plan);
    await sql`alter table folder attach partition arrived for values in ('west')`;
    await expect(governed.workLane(plan, 1, 1)).rejects.toMatchObject({ code: 'SCHEMA_DRIFT' });
    expect(await names("select id || ' ' || region as name from folder where id >= 9")).toEqual([
      '9 south',
      '90 west',
    ]);
  });
});
