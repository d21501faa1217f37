/** What is in the tables, by SQL that shares no line with Retain. */
import type { Sql } from 'postgres';
import { type IndependentCounts, independentCounts } from '../independent-counts.ts';

export interface TableRows {
  readonly cctv_recording: number;
  readonly customer: number;
  readonly special_requirement: number;
  readonly contract: number;
  readonly note: number;
  /** Tenancies of which only who, where, from and until is left. */
  readonly reduced_tenancy: number;
  readonly rent_line: number;
  readonly tenancy_document: number;
  /** Newsletter rows that point at a customer. */
  readonly linked_newsletter: number;
  /** No rule may touch these: any difference is a failure. */
  readonly tenancy: number;
  readonly newsletter: number;
  readonly complaint: number;
  readonly call_recording: number;
  readonly person: number;
  readonly property: number;
}

export interface Counted {
  readonly due: IndependentCounts;
  readonly rows: TableRows;
}

export async function countEverything(sql: Sql, asOf: Date): Promise<Counted> {
  return { due: await independentCounts(sql, asOf), rows: await tableRows(sql) };
}

async function tableRows(sql: Sql): Promise<TableRows> {
  const [rows] = await sql<TableRows[]>`
    select
      (select count(*)::int from public.cctv_recording) as cctv_recording,
      (select count(*)::int from public.customer) as customer,
      (select count(*)::int from public.special_requirement) as special_requirement,
      (select count(*)::int from public.contract) as contract,
      (select count(*)::int from public.note) as note,
      (select count(*)::int from public.tenancy t
        where num_nonnulls(tenant_id, rent_reference, weekly_rent_pence, arrears_pence,
                bank_sort_code, bank_account_number, deposit_scheme_reference,
                emergency_contact_name, emergency_contact_phone, housing_officer_remarks) = 0
          and not exists (select from public.rent_line p where p.tenancy_id = t.id)
          and not exists (select from public.tenancy_document p where p.tenancy_id = t.id)
      ) as reduced_tenancy,
      (select count(*)::int from public.rent_line) as rent_line,
      (select count(*)::int from public.tenancy_document) as tenancy_document,
      (select count(customer_id)::int from public.newsletter) as linked_newsletter,
      (select count(*)::int from public.tenancy) as tenancy,
      (select count(*)::int from public.newsletter) as newsletter,
      (select count(*)::int from public.complaint) as complaint,
      (select count(*)::int from public.call_recording) as call_recording,
      (select count(*)::int from public.person) as person,
      (select count(*)::int from public.property) as property`;
  if (rows === undefined) throw new TypeError('an aggregate query returned no row');
  return rows;
}

/** What hangs on one customer: it stays when the customer is held. */
export async function partsOf(
  sql: Sql,
  customer: string,
): Promise<{ contract: number; note: number; newsletter: number }> {
  const [parts] = await sql<{ contract: number; note: number; newsletter: number }[]>`
    select
      (select count(*)::int from public.contract where customer_id = ${customer}) as contract,
      (select count(*)::int from public.note n join public.contract c on c.id = n.contract_id
        where c.customer_id = ${customer}) as note,
      (select count(*)::int from public.newsletter where customer_id = ${customer}) as newsletter`;
  if (parts === undefined) throw new TypeError('an aggregate query returned no row');
  return parts;
}

/** What the log says of one run, rule by rule: destroyed records, and references kept of them. */
export async function loggedOf(
  sql: Sql,
  run: string,
): Promise<ReadonlyMap<string, { destroyed: number; references: number }>> {
  const rows = await sql<{ rule: string; destroyed: number; references: number }[]>`
    select rule_id as rule, sum(destroyed)::int as destroyed,
           coalesce(sum(octet_length(refs)), 0)::int / 32 as references
      from retain_guard.batch left join retain_guard.batch_sealed using (batch_id)
     where run_id = ${run} group by rule_id`;
  return new Map(rows.map((row) => [row.rule, row]));
}
