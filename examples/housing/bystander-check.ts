import type { PendingQuery, Row, Sql } from 'postgres';

/** What must have become of a planted record after a run of every rule as of the same instant. */
export type Expectation = 'survives' | 'destroyed' | 'reduced' | 'detached';

/** A planted edge case. */
export interface Bystander {
  /** Record class; `newsletter` is the one table here that is a part and not a class. */
  readonly class: string;
  /** Record key, as text. */
  readonly key: string;
  /** What is particular about it, in words that can be shown. */
  readonly why: string;
  readonly expect: Expectation;
  /** Of the record and its parts when planted: a survivor must not differ by one byte. */
  readonly fingerprint: string;
}

export interface CheckedBystander {
  readonly bystander: Bystander;
  /** What has become of it; `changed` is never right. */
  readonly found: Expectation | 'changed';
  readonly asExpected: boolean;
}

/**
 * Looks every bystander up again, by SQL of its own: `survives` means the record and all its parts are
 * byte for byte as planted, `reduced` that nothing but the four columns of the tenancy history is left.
 * Use the session time zone of planting, because fingerprints hold timestamps as text.
 */
export async function checkBystanders(
  sql: Sql,
  bystanders: readonly Bystander[],
): Promise<CheckedBystander[]> {
  const checked: CheckedBystander[] = [];
  for (const bystander of bystanders) {
    const found = await whatBecameOf(sql, bystander);
    checked.push({ bystander, found, asExpected: found === bystander.expect });
  }
  return checked;
}

async function whatBecameOf(sql: Sql, bystander: Bystander): Promise<CheckedBystander['found']> {
  const print = await fingerprint(sql, bystander);
  if (print === undefined) return 'destroyed';
  if (print === bystander.fingerprint) return 'survives';
  if (bystander.class === 'tenancy' && (await isReduced(sql, bystander.key))) return 'reduced';
  if (bystander.class === 'newsletter' && (await isDetached(sql, bystander.key))) return 'detached';
  return 'changed';
}

/** A digest of the record with all its parts, or undefined when the record is not there. */
export async function fingerprint(
  sql: Sql,
  { class: recordClass, key }: Pick<Bystander, 'class' | 'key'>,
): Promise<string | undefined> {
  const rows = await sql<{ print: string }[]>`
    select hashtextextended(concat_ws('|', r::text, ${parts(sql, recordClass)}), 0)::text as print
    from ${sql(`public.${recordClass}`)} r where r.id = ${key}`;
  return rows[0]?.print;
}

function parts(sql: Sql, recordClass: string): PendingQuery<Row[]> {
  if (recordClass === 'customer') {
    return sql`
      (select string_agg(c::text, ',' order by c.id) from public.contract c
        where c.customer_id = r.id),
      (select string_agg(n::text, ',' order by n.id) from public.note n
        join public.contract c on c.id = n.contract_id where c.customer_id = r.id)`;
  }
  if (recordClass === 'tenancy') {
    return sql`
      (select string_agg(l::text, ',' order by l.id) from public.rent_line l
        where l.tenancy_id = r.id),
      (select string_agg(d::text, ',' order by d.id) from public.tenancy_document d
        where d.tenancy_id = r.id)`;
  }
  return sql`''`;
}

async function isReduced(sql: Sql, key: string): Promise<boolean> {
  const rows = await sql`
    select 1 from public.tenancy t
    where id = ${key}
      and num_nonnulls(tenant_id, rent_reference, weekly_rent_pence, arrears_pence, bank_sort_code,
            bank_account_number, deposit_scheme_reference, emergency_contact_name,
            emergency_contact_phone, housing_officer_remarks) = 0
      and num_nulls(tenant_name, property_id, started_on, ended_on) = 0
      and not exists (select from public.rent_line l where l.tenancy_id = t.id)
      and not exists (select from public.tenancy_document d where d.tenancy_id = t.id)`;
  return rows.length === 1;
}

async function isDetached(sql: Sql, key: string): Promise<boolean> {
  const rows = await sql`
    select 1 from public.newsletter where id = ${key} and customer_id is null and email is not null`;
  return rows.length === 1;
}
