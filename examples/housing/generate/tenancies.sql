-- Tenancies with their files.

-- Tenancy n of the first two thirds is the newest of property n, nearly always current; the others came
-- earlier. Of all tenancies about 6 % ended more than six years ago and are due, 8 % did so and have
-- been reduced already.
create function housing_generator.fill_tenancies(records bigint, seed bigint, as_of timestamptz)
returns void language plpgsql as $$
declare
  today date := housing_generator.today(as_of);
  properties bigint := housing_generator.size_of('property', records);
  tenancies bigint := housing_generator.size_of('tenancy', records);
begin
  insert into public.tenancy (id, tenant_id, tenant_name, property_id, started_on, ended_on)
  select n, person, housing_generator.full_name(seed, person),
         1 + housing_generator.below(seed, 'property', n, properties),
         ended_on - (190 + housing_generator.below(seed, 'tenancy days', n, 3000))::int, ended_on
  from generate_series(properties + 1, tenancies) n
  cross join lateral (
    select 1 + housing_generator.below(seed, 'tenant', n,
                                       housing_generator.size_of('person', records)) as person,
           today - case
             when housing_generator.unit(seed, 'tenancy state', n) < 0.58
               then 30 + housing_generator.below(seed, 'tenancy age', n, 2160)::int
             when housing_generator.unit(seed, 'tenancy state', n) < 0.75
               then 2193 + housing_generator.below(seed, 'tenancy age', n, 85)::int
             else 2300 + housing_generator.below(seed, 'tenancy age', n, 6500)::int
           end as ended_on
  ) past;

  insert into public.tenancy (id, tenant_id, tenant_name, property_id, started_on, ended_on)
  select n, person, housing_generator.full_name(seed, person), n, begins_on,
         case when housing_generator.unit(seed, 'void', n) < 0.03 then today - 3 end
  from generate_series(1, properties) n
  left join (
    select property_id, max(ended_on) as ended_on from public.tenancy group by property_id
  ) before on before.property_id = n
  cross join lateral (
    select 1 + housing_generator.below(seed, 'tenant', n,
                                       housing_generator.size_of('person', records)) as person,
           coalesce(before.ended_on + 14,
                    today - (90 + housing_generator.below(seed, 'since', n, 5000))::int) as begins_on
  ) newest;

  insert into public.person_capacity (person_id, capacity)
  select distinct tenant_id, 'tenant' from public.tenancy;
end
$$;

-- The file behind each tenancy; those that ended long ago lose theirs, as an earlier run would have done.
create function housing_generator.fill_tenancy_files(records bigint, seed bigint, as_of timestamptz)
returns void language plpgsql as $$
declare
  today date := housing_generator.today(as_of);
begin
  update public.tenancy t set
    rent_reference = 'R' || lpad(id::text, 8, '0'),
    weekly_rent_pence = 9000 + housing_generator.below(seed, 'rent', id, 16000),
    arrears_pence = greatest(0, housing_generator.below(seed, 'arrears', id, 60000) - 48000),
    bank_sort_code = '00-' || lpad(housing_generator.below(seed, 'sort 1', id, 100)::text, 2, '0')
                     || '-' || lpad(housing_generator.below(seed, 'sort 2', id, 100)::text, 2, '0'),
    bank_account_number = lpad(housing_generator.below(seed, 'account', id, 100000000)::text, 8, '0'),
    deposit_scheme_reference = 'DS' || housing_generator.below(seed, 'deposit', id, 1000000),
    emergency_contact_name = housing_generator.full_name(seed, id + 1000000000),
    emergency_contact_phone = housing_generator.phone(seed, id + 1000000000),
    housing_officer_remarks = housing_generator.pick(seed, 'remark', id, array[
      null, 'Keys handed over in person.', 'Prefers letters.', 'Parking permit issued.'])
  where ended_on is null or ended_on > today - 2290;

  update public.tenancy set tenant_id = null where ended_on <= today - 2290;

  insert into public.rent_line (id, tenancy_id, charged_on, kind, amount_pence)
  select row_number() over (order by t.id, i), t.id,
         greatest(t.started_on, coalesce(t.ended_on, today) - i::int * 7),
         case i when 1 then 'payment' when 2 then 'service charge' else 'rent' end,
         case i when 1 then -t.weekly_rent_pence when 2 then 1250 else t.weekly_rent_pence end
  from public.tenancy t
  cross join lateral generate_series(1, 1 + housing_generator.below(seed, 'lines', t.id, 5)) i
  where t.tenant_id is not null;

  insert into public.tenancy_document (id, tenancy_id, title, stored_on, file_path)
  select row_number() over (order by t.id, i), t.id,
         case i when 1 then 'Tenancy agreement' when 2 then 'Inventory' else 'Correspondence' end,
         t.started_on + (i::int - 1), 'tenancies/' || t.id || '/' || i || '.pdf'
  from public.tenancy t
  cross join lateral generate_series(1, 1 + housing_generator.below(seed, 'documents', t.id, 2)) i
  where t.tenant_id is not null;
end
$$;
