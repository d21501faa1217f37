/**
 * A small governed estate: tenancies with rent lines and notes below them, recordings without parts,
 * and bystanders of both that are not due. What was there, what the guard logged and what each hold
 * found is kept in a schema `evidence` that Retain knows nothing of.
 */
import type { Sql } from 'postgres';
import type { Plan } from '../../domain/plan.ts';
import type { TestDatabase } from './database.ts';
import { type Governed, type GovernedOptions, governedDatabase } from './governed.ts';

export interface EstateSize {
  readonly tenancies: number;
  readonly recordings: number;
  readonly seed: number;
}

export interface EstateOptions extends EstateSize {
  /** Where to build it; a fresh database of the tests' server when missing. */
  readonly database?: TestDatabase;
  readonly ledger?: GovernedOptions['ledger'];
  /** Runs as superuser when the tables are filled, before anything is planned. */
  readonly tamper?: (sql: Sql) => Promise<unknown>;
}

/** One of so many records is not due and must never go. */
const BYSTANDER_EVERY = 10;
/** Few persons, so that a hold on a subject covers records in many batches. */
const RECORDS_PER_PERSON = 40;

const SCHEDULE = `
format: retain/1
organisation: Harbour Homes
timezone: Europe/London
stores:
  estate: { kind: postgres, connection: env:TEST_STORE_URL, backups_kept_for: P35D }
record_classes:
  tenancy:
    title: Tenancy file
    store: estate
    table: public.tenancy
    key: [id]
    subjects: [person_id]
    references: { rent_line_tenancy_id_fkey: owned, rent_note_line_id_fkey: owned }
  rent_line:
    title: Rent line
    store: estate
    table: public.rent_line
    key: [id]
    references: { rent_note_line_id_fkey: owned }
  recording: { title: Recording, store: estate, table: public.recording, key: [id], subjects: [person_id] }
rules:
  tenancy_6_years:
    applies_to: tenancy
    trigger: { event: tenancy ended, column: ended_on }
    keep: { at_least: P6Y }
    then: delete
    authority: Limitation Act 1980, section 5
    owner: dpo@harbour.example
  recording_30_days:
    applies_to: recording
    trigger: { event: recorded, column: recorded_on }
    keep: { at_least: P30D }
    then: delete
    authority: CCTV notice, section 4
    owner: dpo@harbour.example
`;

const TABLES = `
create table tenancy (id integer primary key, person_id integer not null, ended_on date);
create index on tenancy (ended_on, id);
create table rent_line (id integer primary key, tenancy_id integer not null references tenancy, pence integer);
create index on rent_line (tenancy_id);
create table rent_note (id integer primary key, line_id integer not null references rent_line, note text);
create index on rent_note (line_id);
create table recording (id integer primary key, person_id integer not null, recorded_on date not null);
create index on recording (recorded_on, id);
`;

/** What is there now, in the shape of what was there. */
const EVIDENCE = `
create schema evidence;
create table evidence.root as
  select 'tenancy' as record_class, id::text as key, person_id::text as subject, ended_on < '2015-01-01' as due,
         row_number() over (order by ended_on, id) as place from tenancy
  union all
  select 'recording', id::text, person_id::text, recorded_on < '2015-01-01',
         row_number() over (order by recorded_on, id) from recording;
create unique index on evidence.root (record_class, key);
create index on evidence.root (record_class, place);
create index on evidence.root (subject);
create table evidence.part as
  select 'rent_line' as part, l.id::text as key, l.tenancy_id::text as root from rent_line l
  union all
  select 'rent_note', n.id::text, l.tenancy_id::text from rent_note n join rent_line l on l.id = n.line_id;
create unique index on evidence.part (part, key);
create index on evidence.part (root);
create view evidence.root_now as
  select 'tenancy' as record_class, id::text as key from tenancy
  union all select 'recording', id::text from recording;
create view evidence.part_now as
  select 'rent_line' as part, id::text as key from rent_line
  union all select 'rent_note', id::text from rent_note;

create table evidence.logged (batch_id uuid not null, record_class text not null, key text not null);
create function evidence.copy_staged() returns trigger language plpgsql security definer as $$
begin
  insert into evidence.logged
  select new.batch_id, b.record_class, k.key
    from retain_guard.batch b, unnest(new.keys) as k(key) where b.batch_id = new.batch_id;
  return null;
end
$$;
create table evidence.receipt (hold_no bigint not null, record_class text not null, key text not null);
`;

/** Every column is a hash of its number and the seed, so any seed gives the same estate again. */
async function fill(sql: Sql, { tenancies, recordings, seed }: EstateSize): Promise<void> {
  await sql.unsafe(TABLES);
  const chance = (salt: string) => `hashint4extended(n, ${seed}::bigint * 1000 + ${salt})`;
  const bounded = (salt: string, below: number) => `(abs(${chance(salt)} % ${below}))::integer`;
  const day = `case when n % ${BYSTANDER_EVERY} = 0 then current_date - ${bounded('1', 20)} else date '2001-01-01' + ${bounded('1', 4_000)} end`;
  const person = (count: number) =>
    bounded('2', Math.max(1, Math.ceil(count / RECORDS_PER_PERSON)));
  await sql.unsafe(`
    insert into tenancy select n, ${person(tenancies)}, ${day} from generate_series(1, ${tenancies}) n;
    insert into rent_line select n, 1 + (n - 1) / 3, 100 from generate_series(1, ${tenancies * 3}) n;
    insert into rent_note select n, 1 + (n - 1) * 2, 'note' from generate_series(1, ${Math.floor((tenancies * 3) / 2)}) n;
    insert into recording select n, ${person(recordings)}, ${day} from generate_series(1, ${recordings}) n;
    analyze;`);
}

/** The estate, governed and with its evidence, nothing planned yet. */
export async function estate(options: EstateOptions): Promise<Governed> {
  const governed = await governedDatabase({
    ...(options.database && { database: options.database }),
    ...(options.ledger && { ledger: options.ledger }),
    schedule: SCHEDULE,
    setup: async (sql) => {
      await fill(sql, options);
      await sql.unsafe(EVIDENCE);
      await options.tamper?.(sql);
    },
  });
  await governed.sql.unsafe(`
    create trigger copy_staged after insert on retain_guard.batch_staged
      for each row execute function evidence.copy_staged()`);
  return governed;
}

export interface Lane {
  readonly step: number;
  readonly lane: number;
  readonly recordClass: string;
}

export interface BegunRun {
  readonly run: string;
  readonly plan: Plan;
  readonly lanes: readonly Lane[];
}

/** Approves and opens a plan of the whole estate, and answers the lanes it left to work. */
export async function begin(governed: Governed, lanesPerStep = 1): Promise<BegunRun> {
  const plan = await governed.plan({ lanes: lanesPerStep });
  await governed.approve(plan);
  await governed.open(plan);
  const { run, steps } = plan.document;
  const rows = await governed.sql<{ step: number; lane: number }[]>`
    select step_no as step, lane_no as lane from retain_guard.lane where run_id = ${run} order by 1, 2`;
  const lanes = rows.map((row) => ({
    ...row,
    recordClass: steps[row.step - 1]?.recordClass ?? '',
  }));
  return { run, plan, lanes };
}
