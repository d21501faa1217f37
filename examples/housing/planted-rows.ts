import type { Sql } from 'postgres';

/** A contract by its days; `closed` null is open. */
export interface PlantedContract {
  readonly opened: string;
  readonly closed: string | null;
}

export interface PlantedTenancy {
  readonly person: string;
  readonly name: string;
  readonly started: string;
  readonly ended: string | null;
  /** As an earlier run left it: no columns but the history, no parts. */
  readonly reduced?: boolean;
  readonly rentLines?: number;
}

interface Added {
  readonly id: string;
}

/** Adds a person with these capacities and gives its id. */
export async function addPerson(sql: Sql, capacities: readonly string[]): Promise<string> {
  const id = idOf(
    await sql<Added[]>`
      insert into public.person (known_since) values ('2001-01-01') returning id::text`,
  );
  for (const capacity of capacities) {
    await sql`insert into public.person_capacity (person_id, capacity) values (${id}, ${capacity})`;
  }
  return id;
}

/** Adds a customer with its contracts, one note in each, and gives the customer's id. */
export async function addCustomer(
  sql: Sql,
  person: string,
  name: string,
  contracts: readonly PlantedContract[],
): Promise<string> {
  const email = `${name.toLowerCase().replaceAll(' ', '.')}.${person}@example.org`;
  const customer = idOf(
    await sql<Added[]>`
      insert into public.customer (person_id, full_name, email, phone, postcode, registered_on)
      values (${person}, ${name}, ${email}, '07700 900123', 'ZZ1 1AP',
              ${contracts[0]?.opened ?? '2015-01-05'}::text::date)
      returning id::text`,
  );
  for (const { opened, closed } of contracts) {
    await sql`
      with added as (
        insert into public.contract (customer_id, reference, service, opened_on, closed_on)
        values (${customer}, ${`HH-P${customer}`}, 'repairs cover', ${opened}::text::date,
                ${closed}::text::date)
        returning id, opened_on
      )
      insert into public.note (contract_id, written_at, channel, body)
      select id, (opened_on + time '10:00') at time zone 'Europe/London', 'letter', 'Welcome pack sent.'
      from added`;
  }
  return customer;
}

export async function addComplaint(
  sql: Sql,
  customer: string,
  opened: string,
  closed: string | null,
): Promise<void> {
  await sql`
    insert into public.complaint (customer_id, category, summary, opened_on, closed_on)
    values (${customer}, 'charges', 'Raised at stage 2.', ${opened}::text::date,
            ${closed}::text::date)`;
}

export async function addRequirement(
  sql: Sql,
  customer: string,
  started: string,
  ended: string | null,
): Promise<string> {
  return idOf(
    await sql<Added[]>`
      insert into public.special_requirement (customer_id, need, started_on, ended_on)
      values (${customer}, 'large print', ${started}::text::date, ${ended}::text::date)
      returning id::text`,
  );
}

export async function addSubscription(sql: Sql, customer: string, on: string): Promise<string> {
  return idOf(
    await sql<Added[]>`
      insert into public.newsletter (customer_id, email, subscribed_on)
      select id, email, ${on}::text::date from public.customer where id = ${customer}
      returning id::text`,
  );
}

/** Adds a tenancy of a new property, with one document and the rent lines asked for. */
export async function addTenancy(sql: Sql, tenancy: PlantedTenancy): Promise<string> {
  const { person, name, started, ended, reduced = false, rentLines = 2 } = tenancy;
  const id = idOf(
    await sql<Added[]>`
      with home as (
        insert into public.property (address_line, postcode)
        values ('1 Lookout Row', 'ZZ1 1AP') returning id
      )
      insert into public.tenancy (tenant_name, property_id, started_on, ended_on, tenant_id,
                                  rent_reference, weekly_rent_pence, bank_sort_code)
      select ${name}, home.id, ${started}::text::date, ${ended}::text::date,
             case when not ${reduced}::boolean then ${person}::bigint end,
             case when not ${reduced}::boolean then 'R-planted' end,
             case when not ${reduced}::boolean then 11000 end,
             case when not ${reduced}::boolean then '00-00-01' end
      from home returning id::text`,
  );
  await sql`
    insert into public.rent_line (tenancy_id, charged_on, kind, amount_pence)
    select ${id}::bigint, ${started}::text::date, 'rent', 11000
    from generate_series(1, ${rentLines}::int)`;
  if (!reduced) {
    await sql`
      insert into public.tenancy_document (tenancy_id, title, stored_on, file_path)
      values (${id}, 'Tenancy agreement', ${started}::text::date, ${`tenancies/${id}/1.pdf`})`;
  }
  return id;
}

/** Adds a CCTV recording at a London wall-clock time (`YYYY-MM-DD HH:MM:SS.ffffff`), or at none. */
export async function addCctv(
  sql: Sql,
  wallClock: string | null,
  person: string | null = null,
): Promise<string> {
  return idOf(
    await sql<Added[]>`
      insert into public.cctv_recording (camera, recorded_at, subject_person, file_path)
      values ('camera-01', ${wallClock}::text::timestamp at time zone 'Europe/London',
              ${person}::bigint, 'cctv/camera-01/planted.mp4')
      returning id::text`,
  );
}

export async function addCall(sql: Sql, wallClock: string): Promise<string> {
  return idOf(
    await sql<Added[]>`
      insert into public.call_recording (recorded_at, duration_seconds, file_path)
      values (${wallClock}::text::timestamp at time zone 'Europe/London', 61, 'calls/planted.ogg')
      returning id::text`,
  );
}

function idOf(rows: readonly Added[]): string {
  const row = rows[0];
  if (row === undefined) throw new TypeError('an insert returned no id');
  return row.id;
}
