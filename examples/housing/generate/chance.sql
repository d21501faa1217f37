-- Fills the tables of Harbour Homes. Installed by ../generator.ts, called step by step, then dropped.
--
-- Every step takes (records, seed, as_of) and is one INSERT ... SELECT per table. Whatever looks random
-- is a hash of (seed, what is chosen, row number): the same arguments give the same rows on every run and
-- on every supported version of PostgreSQL. Nobody in here is real: surnames are made up, e-mail is
-- at example.org, telephone numbers are from the range reserved for drama (07700 900000 to 900999),
-- postcodes start with ZZ and sort codes with 00, which nobody has.

create schema housing_generator;

-- Chance ---------------------------------------------------------------------------------------------

-- A number in [0, 1) that depends on nothing but its arguments.
create function housing_generator.unit(seed bigint, choice text, n bigint) returns float8
language sql immutable as $$
  select ((hashint8extended(n, hashtextextended(choice, seed)) >> 11) & 9007199254740991)::float8
         / 9007199254740992
$$;

-- A whole number in [0, below).
create function housing_generator.below(seed bigint, choice text, n bigint, below bigint)
returns bigint language sql immutable as $$
  select floor(housing_generator.unit(seed, choice, n) * below)::bigint
$$;

create function housing_generator.pick(seed bigint, choice text, n bigint, words text[])
returns text language sql immutable as $$
  select words[1 + housing_generator.below(seed, choice, n, cardinality(words))::int]
$$;

-- How many ------------------------------------------------------------------------------------------

-- Records of each class: `records` in all; what CCTV does not leave over is in fixed proportion. Parts
-- (contracts, notes, rent lines, documents) and people come on top, about twice as many rows again.
create function housing_generator.size_of(what text, records bigint) returns bigint
language sql immutable as $$
  select case what
    when 'customer'            then records * 20 / 100
    when 'tenancy'             then records * 15 / 100
    when 'special_requirement' then records * 4 / 100
    when 'call_recording'      then records * 3 / 100
    when 'cctv_recording'      then records - records * 20 / 100 - records * 15 / 100
                                            - records * 4 / 100 - records * 3 / 100
    when 'property'            then records * 10 / 100
    when 'person'              then records * 28 / 100
  end
$$;

-- Days and times ------------------------------------------------------------------------------------

create function housing_generator.today(as_of timestamptz) returns date
language sql immutable as $$ select (as_of at time zone 'Europe/London')::date $$;

-- An instant of office hours in London on that day, or on the Friday before a weekend.
create function housing_generator.office_time(day date, fraction float8) returns timestamptz
language sql immutable as $$
  select ((day - greatest(extract(isodow from day)::int - 5, 0) + time '08:30')
          + floor(fraction * 32400) * interval '1 second') at time zone 'Europe/London'
$$;

-- The day the customer's last contract closed, null while one is open or there never was one. Of all
-- customers 58 % are open, 37 % closed within six years, 3.8 % earlier (due), 0.7 % without contract.
create function housing_generator.last_closed_on(seed bigint, today date, customer bigint)
returns date language sql immutable as $$
  select today - case
    when housing_generator.unit(seed, 'customer state', customer) < 0.580 then null
    when housing_generator.unit(seed, 'customer state', customer) < 0.955
      then 1 + housing_generator.below(seed, 'closed', customer, 2188)
    when housing_generator.unit(seed, 'customer state', customer) < 0.989
      then 2193 + housing_generator.below(seed, 'closed', customer, 80)
    when housing_generator.unit(seed, 'customer state', customer) < 0.993
      then 2273 + housing_generator.below(seed, 'closed', customer, 900)
  end::int
$$;

create function housing_generator.contract_count(seed bigint, customer bigint) returns int
language sql immutable as $$
  select case
    when housing_generator.unit(seed, 'customer state', customer) >= 0.993 then 0
    when housing_generator.unit(seed, 'contracts', customer) < 0.04 then 4
    when housing_generator.unit(seed, 'contracts', customer) < 0.15 then 3
    when housing_generator.unit(seed, 'contracts', customer) < 0.40 then 2
    else 1
  end
$$;
