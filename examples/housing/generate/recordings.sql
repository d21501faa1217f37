-- CCTV and call recordings, and the end of the generation.

-- A camera records when something moves: three quarters between half past seven and half past nine in
-- the evening. Ages are even over the last 45 days, so about a third is due; 1.5 % is left from earlier.
create function housing_generator.fill_recordings(records bigint, seed bigint, as_of timestamptz)
returns void language plpgsql as $$
declare
  today date := housing_generator.today(as_of);
  persons bigint := housing_generator.size_of('person', records);
begin
  insert into public.cctv_recording (id, camera, recorded_at, subject_person, file_path)
  select n, camera, least(as_of, recorded_at),
         case when housing_generator.unit(seed, 'identified', n) < 0.02
              then 1 + housing_generator.below(seed, 'subject', n, persons) end,
         'cctv/' || camera || '/' || n || '.mp4'
  from generate_series(1, housing_generator.size_of('cctv_recording', records)) n
  cross join lateral (
    select 'camera-' || lpad((1 + housing_generator.below(seed, 'camera', n, 48))::text, 2, '0')
             as camera,
           ((today - case when housing_generator.unit(seed, 'tail', n) < 0.015
                          then 45 + housing_generator.below(seed, 'age', n, 60)
                          else housing_generator.below(seed, 'age', n, 45) end::int)::timestamp
            + case when housing_generator.unit(seed, 'busy', n) < 0.75
                   then 27000 + housing_generator.below(seed, 'second', n, 50400)
                   else housing_generator.below(seed, 'second', n, 86400) end
              * interval '1 second') at time zone 'Europe/London' as recorded_at
  ) chosen;

  insert into public.call_recording (id, person_id, recorded_at, duration_seconds, file_path)
  select n, 1 + housing_generator.below(seed, 'caller', n, persons),
         least(as_of, housing_generator.office_time(
           today - housing_generator.below(seed, 'call day', n, 1800)::int,
           housing_generator.unit(seed, 'call time', n))),
         20 + housing_generator.below(seed, 'call seconds', n, 1500)::int, 'calls/' || n || '.ogg'
  from generate_series(1, housing_generator.size_of('call_recording', records)) n;
end
$$;

-- New rows of the application continue after the generated ones.
create function housing_generator.continue_ids() returns void language plpgsql as $$
declare
  tables text[] := array['property', 'person', 'customer', 'contract', 'note', 'complaint', 'newsletter',
                         'special_requirement', 'tenancy', 'rent_line', 'tenancy_document',
                         'cctv_recording', 'call_recording'];
  name text;
begin
  foreach name in array tables loop
    execute format('select setval(pg_get_serial_sequence(%L, ''id''), max(id) + 1, false) from public.%I
                    having max(id) is not null', 'public.' || name, name);
    execute format('analyze public.%I', name);
  end loop;
  analyze public.person_capacity;
end
$$;
