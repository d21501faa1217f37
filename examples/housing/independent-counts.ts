import type { Sql } from 'postgres';

/** What each rule should find, by SQL that knows the tables and nothing of Retain. */
export interface IndependentCounts {
  readonly cctv_30_days: { readonly due: number };
  readonly customer_6_years: {
    /** Trigger reached, blocked ones included. */
    readonly due: number;
    /** Due, but with a complaint or a special requirement on file. */
    readonly blocked: number;
    /** Of the blocked: those with nothing in the way but special requirements that are due themselves. */
    readonly blockedOnlyByDue: number;
    /** Rows that go along with those that are due and not blocked. */
    readonly parts: { readonly contract: number; readonly note: number };
    /** Newsletter rows that lose their link. */
    readonly detached: { readonly newsletter: number };
  };
  readonly special_requirements_6_years: { readonly due: number };
  readonly tenancy_file_6_years: {
    /** Trigger reached and something left to reduce. */
    readonly due: number;
    readonly parts: { readonly rent_line: number; readonly tenancy_document: number };
  };
}

/**
 * Counts by hand-written SQL what is due at `asOf`, in London days: the last day kept is the trigger's
 * day plus the period (29 February plus six years is 28 February), and the record is due from the day
 * after. Shares no code with Retain, so that each can prove the other wrong.
 */
export async function independentCounts(sql: Sql, asOf: Date): Promise<IndependentCounts> {
  return {
    cctv_30_days: await cctvCounts(sql, asOf),
    customer_6_years: await customerCounts(sql, asOf),
    special_requirements_6_years: await requirementCounts(sql, asOf),
    tenancy_file_6_years: await tenancyCounts(sql, asOf),
  };
}

async function cctvCounts(sql: Sql, asOf: Date): Promise<IndependentCounts['cctv_30_days']> {
  return only(
    await sql<{ due: number }[]>`
      select count(*)::int as due from public.cctv_recording
      where (recorded_at at time zone 'Europe/London')::date + 30
            < (${asOf}::timestamptz at time zone 'Europe/London')::date`,
  );
}

async function customerCounts(
  sql: Sql,
  asOf: Date,
): Promise<IndependentCounts['customer_6_years']> {
  const { contract, note, newsletter, ...counts } = only(
    await sql<
      {
        due: number;
        blocked: number;
        blockedOnlyByDue: number;
        contract: number;
        note: number;
        newsletter: number;
      }[]
    >`
      with today as (
        select (${asOf}::timestamptz at time zone 'Europe/London')::date as day
      ), closed as (
        select customer_id as id from public.contract, today
        group by customer_id, day
        having bool_and(closed_on is not null)
           and (max(closed_on) + interval '6 years')::date < day
      ), judged as (
        select id,
          exists (select from public.complaint b where b.customer_id = c.id) as complained,
          exists (select from public.special_requirement b where b.customer_id = c.id) as required,
          exists (
            select from public.special_requirement b, today where b.customer_id = c.id
              and (b.ended_on is null or (b.ended_on + interval '6 years')::date >= day)
          ) as still_required
        from closed c
      ), going as (
        select id from judged where not complained and not required
      )
      select
        (select count(*) from judged)::int as due,
        (select count(*) from judged where complained or required)::int as blocked,
        (select count(*) from judged where required and not still_required and not complained)::int
          as "blockedOnlyByDue",
        (select count(*) from public.contract where customer_id in (select id from going))::int
          as contract,
        (select count(*) from public.note n join public.contract c on c.id = n.contract_id
          where c.customer_id in (select id from going))::int as note,
        (select count(*) from public.newsletter where customer_id in (select id from going))::int
          as newsletter`,
  );
  return { ...counts, parts: { contract, note }, detached: { newsletter } };
}

async function requirementCounts(
  sql: Sql,
  asOf: Date,
): Promise<IndependentCounts['special_requirements_6_years']> {
  return only(
    await sql<{ due: number }[]>`
      select count(*)::int as due from public.special_requirement
      where (ended_on + interval '6 years')::date
            < (${asOf}::timestamptz at time zone 'Europe/London')::date`,
  );
}

async function tenancyCounts(
  sql: Sql,
  asOf: Date,
): Promise<IndependentCounts['tenancy_file_6_years']> {
  const { due, ...parts } = only(
    await sql<{ due: number; rent_line: number; tenancy_document: number }[]>`
      with due as (
        select id from public.tenancy t
        where (ended_on + interval '6 years')::date
              < (${asOf}::timestamptz at time zone 'Europe/London')::date
          and (num_nonnulls(tenant_id, rent_reference, weekly_rent_pence, arrears_pence,
                 bank_sort_code, bank_account_number, deposit_scheme_reference,
                 emergency_contact_name, emergency_contact_phone, housing_officer_remarks) > 0
               or exists (select from public.rent_line p where p.tenancy_id = t.id)
               or exists (select from public.tenancy_document p where p.tenancy_id = t.id))
      )
      select
        (select count(*) from due)::int as due,
        (select count(*) from public.rent_line where tenancy_id in (select id from due))::int
          as rent_line,
        (select count(*) from public.tenancy_document
          where tenancy_id in (select id from due))::int as tenancy_document`,
  );
  return { due, parts };
}

/** The single row of an aggregate query. */
function only<Row>(rows: readonly Row[]): Row {
  const row = rows[0];
  if (row === undefined) throw new TypeError('an aggregate query returned no row');
  return row;
}
