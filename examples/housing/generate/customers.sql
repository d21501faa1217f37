-- Customers, their contracts and notes, newsletter, special requirements and complaints.

create function housing_generator.fill_customers(records bigint, seed bigint, as_of timestamptz)
returns void language plpgsql as $$
declare
  today date := housing_generator.today(as_of);
  customers bigint := housing_generator.size_of('customer', records);
begin
  insert into public.customer (id, person_id, full_name, email, phone, postcode, registered_on)
  select n, n, housing_generator.full_name(seed, n), housing_generator.email(seed, n),
         housing_generator.phone(seed, n), housing_generator.postcode(seed, n),
         coalesce(housing_generator.last_closed_on(seed, today, n), today - 60)
         - (240 + housing_generator.below(seed, 'relationship', n, 5200))::int
  from generate_series(1, customers) n;

  insert into public.person_capacity (person_id, capacity)
  select n, 'customer' from generate_series(1, customers) n;

  insert into public.newsletter (id, customer_id, email, subscribed_on)
  select row_number() over (order by c.id), c.id, c.email,
         c.registered_on + housing_generator.below(seed, 'subscribed', c.id, 200)::int
  from public.customer c
  where housing_generator.unit(seed, 'newsletter', c.id) < 0.25;
end
$$;

-- The relationship is cut into as many stretches as there are contracts. Each closes in or after its
-- own stretch, never after the last one; the last is open when the customer is. Ids are in no order of
-- time, so "the latest" cannot be read off them. (OFFSET 0 keeps the planner from working the history
-- out again at each mention.)
create function housing_generator.fill_contracts(records bigint, seed bigint, as_of timestamptz)
returns void language plpgsql as $$
declare
  today date := housing_generator.today(as_of);
begin
  insert into public.contract (id, customer_id, reference, service, opened_on, closed_on)
  select row_number() over (order by housing_generator.unit(seed, 'contract id', k), k),
         c.id, 'HH-' || lpad(k::text, 9, '0'),
         housing_generator.pick(seed, 'service', k, array[
           'repairs cover', 'garage rental', 'home support', 'gardening', 'telecare', 'shared ownership']),
         c.registered_on
           + floor(stretch * (i - 1 + 0.3 * housing_generator.unit(seed, 'opened', k)))::int,
         case when i = h.total then h.last_closed_on
              else least(coalesce(h.last_closed_on, today - 1),
                         c.registered_on
                         + floor(stretch * (i + 0.6 * housing_generator.unit(seed, 'part closed', k)))::int)
         end
  from public.customer c
  cross join lateral (
    select housing_generator.last_closed_on(seed, today, c.id) as last_closed_on,
           housing_generator.contract_count(seed, c.id) as total
    offset 0
  ) h
  cross join lateral generate_series(1, h.total) i
  cross join lateral (
    select c.id * 4 + i - 1 as k,
           (coalesce(h.last_closed_on, today) - c.registered_on)::float8 / h.total as stretch
  ) s;

  insert into public.note (id, contract_id, written_at, channel, body)
  select row_number() over (order by c.id, i), c.id,
         least(as_of, housing_generator.office_time(
           written.on_day, housing_generator.unit(seed, 'note time', k))),
         housing_generator.pick(seed, 'channel', k, array['telephone', 'e-mail', 'letter', 'visit']),
         housing_generator.pick(seed, 'note', k, array[
           'Asked for a copy of the agreement.', 'Visit moved to the afternoon.',
           'Payment date changed at the customer''s request.', 'Explained the winter rates.',
           'Left a message, will call again.', 'New contact number taken down.'])
  from public.contract c
  cross join lateral generate_series(1, housing_generator.below(seed, 'notes', c.id, 4)) i
  cross join lateral (
    select c.id * 4 + i as k,
           c.opened_on + housing_generator.below(seed, 'note day', c.id * 4 + i,
                           coalesce(c.closed_on, today) - c.opened_on + 1)::int as on_day
    offset 0
  ) written;
end
$$;

-- One customer in ten has special requirements, two in the mean. Most end with the service; some
-- services run on for a year after the last contract (aftercare), and some were never marked as ended.
create function housing_generator.fill_case_work(records bigint, seed bigint, as_of timestamptz)
returns void language plpgsql as $$
declare
  today date := housing_generator.today(as_of);
  customers bigint := housing_generator.size_of('customer', records);
begin
  insert into public.special_requirement (id, customer_id, need, started_on, ended_on)
  select n, c.id,
         housing_generator.pick(seed, 'need', n, array[
           'large print', 'hearing loop', 'step-free access', 'interpreter', 'easy read',
           'female officer only', 'appointments after 10:00', 'assistance dog']),
         c.registered_on,
         case
           when housing_generator.unit(seed, 'requirement open', n) < 0.15 then null
           when closed.on_day is null and housing_generator.unit(seed, 'requirement old', n) >= 0.05
             then greatest(c.registered_on, today - housing_generator.below(seed, 'age', n, 2190)::int)
           when closed.on_day is null
             then greatest(c.registered_on,
                           today - (2193 + housing_generator.below(seed, 'age', n, 85))::int)
           when housing_generator.unit(seed, 'aftercare', n) < 0.30
             then least(today, closed.on_day + housing_generator.below(seed, 'aftercare days', n, 365)::int)
           else closed.on_day
         end
  from generate_series(1, housing_generator.size_of('special_requirement', records)) n
  join public.customer c
    on c.id = 1 + 10 * housing_generator.below(seed, 'requirement of', n, (customers + 9) / 10)
  cross join lateral (
    select housing_generator.last_closed_on(seed, today, c.id) as on_day
  ) closed;

  insert into public.complaint (id, customer_id, category, summary, opened_on, closed_on)
  select row_number() over (order by c.id), c.id,
         housing_generator.pick(seed, 'category', c.id, array['repairs', 'noise', 'charges', 'staff']),
         'Raised at stage ' || (1 + housing_generator.below(seed, 'stage', c.id, 2)) || '.',
         opened.on_day,
         case when housing_generator.unit(seed, 'complaint open', c.id) >= 0.4
              then least(today, opened.on_day
                                + 10 + housing_generator.below(seed, 'complaint days', c.id, 60)::int)
         end
  from public.customer c
  cross join lateral (
    select c.registered_on + housing_generator.below(seed, 'complaint day', c.id, 240)::int as on_day
  ) opened
  where housing_generator.unit(seed, 'complaint', c.id) < 0.02;
end
$$;
