-- People and properties. Names depend on the person alone, so one person has the same name in every
-- capacity.

create function housing_generator.first_name(seed bigint, person bigint) returns text
language sql immutable as $$
  select housing_generator.pick(seed, 'first name', person, array[
    'Ada', 'Amina', 'Arthur', 'Beatrix', 'Callum', 'Chidi', 'Daisy', 'Dev', 'Edith', 'Elif', 'Farah',
    'Finlay', 'Grace', 'Hamish', 'Ines', 'Isla', 'Jamal', 'Joan', 'Kofi', 'Leila', 'Lowen', 'Mabel',
    'Mei', 'Nadia', 'Niall', 'Olive', 'Oscar', 'Padma', 'Quinn', 'Rafe', 'Rhiannon', 'Samir', 'Tamsin',
    'Tomos', 'Uma', 'Violet', 'Wilf', 'Yusuf', 'Zara', 'Zeb'])
$$;

create function housing_generator.last_name(seed bigint, person bigint) returns text
language sql immutable as $$
  select housing_generator.pick(seed, 'last name start', person, array[
           'Ank', 'Brack', 'Cors', 'Dun', 'Eller', 'Fen', 'Gul', 'Haver', 'Inker', 'Kel', 'Lant', 'Mar',
           'Nether', 'Oaken', 'Pel', 'Quar', 'Roth', 'Salt', 'Tide', 'Under', 'Vell', 'Wath', 'Yarn'])
      || housing_generator.pick(seed, 'last name end', person, array[
           'bourne', 'combe', 'dale', 'ferry', 'garth', 'haven', 'holme', 'lock', 'mere', 'mouth',
           'quay', 'rigg', 'sedge', 'strand', 'thorpe', 'wick', 'worth'])
$$;

create function housing_generator.full_name(seed bigint, person bigint) returns text
language sql immutable as $$
  select housing_generator.first_name(seed, person) || ' ' || housing_generator.last_name(seed, person)
$$;

create function housing_generator.email(seed bigint, person bigint) returns text
language sql immutable as $$
  select lower(housing_generator.first_name(seed, person) || '.'
               || housing_generator.last_name(seed, person)) || '.' || person::text || '@example.org'
$$;

create function housing_generator.phone(seed bigint, person bigint) returns text
language sql immutable as $$
  select '07700 900' || lpad(housing_generator.below(seed, 'phone', person, 1000)::text, 3, '0')
$$;

create function housing_generator.postcode(seed bigint, n bigint) returns text
language sql immutable as $$
  select 'ZZ' || (1 + housing_generator.below(seed, 'district', n, 20))::text || ' '
         || (1 + housing_generator.below(seed, 'sector', n, 9))::text
         || substr('ABDEFGHJLN', (1 + housing_generator.below(seed, 'unit 1', n, 10))::int, 1)
         || substr('PQRSTUWXYZ', (1 + housing_generator.below(seed, 'unit 2', n, 10))::int, 1)
$$;

-- Persons 1 to the number of customers are customers; the rest are tenants and others.
create function housing_generator.fill_people(records bigint, seed bigint, as_of timestamptz)
returns void language plpgsql as $$
declare
  today date := housing_generator.today(as_of);
  persons bigint := housing_generator.size_of('person', records);
begin
  insert into public.person (id, known_since)
  select n, today - (200 + housing_generator.below(seed, 'known', n, 7000))::int
  from generate_series(1, persons) n;

  insert into public.person_capacity (person_id, capacity)
  select n, housing_generator.pick(seed, 'capacity', n,
                                   array['employee', 'contractor', 'emergency contact'])
  from generate_series(1, persons) n
  where housing_generator.unit(seed, 'further capacity', n) < 0.08;

  insert into public.property (id, address_line, postcode)
  select n,
         (1 + housing_generator.below(seed, 'house', n, 180)) || ' '
         || housing_generator.pick(seed, 'street', n, array[
              'Anchor', 'Beacon', 'Capstan', 'Drift', 'Estuary', 'Fathom', 'Gannet', 'Hawser', 'Jetty',
              'Kelp', 'Lantern', 'Mooring', 'Pilot', 'Ropewalk', 'Slipway', 'Tern'])
         || ' ' || housing_generator.pick(seed, 'street kind', n,
                                          array['Close', 'Court', 'Lane', 'Road', 'Street', 'Terrace']),
         housing_generator.postcode(seed, n)
  from generate_series(1, housing_generator.size_of('property', records)) n;
end
$$;
