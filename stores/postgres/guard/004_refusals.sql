-- How the guard says no, and the two gates that every writer passes.
set local role retain_guard_owner;

-- Raises SQLSTATE RG001 with a message of the form `CODE: sentence`. Codes are the public ones of
-- docs/errors.md. Never called with a record key or a value of a governed row.
create or replace function retain_guard.refuse(p_code text, p_sentence text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'RG001', message = p_code || ': ' || p_sentence;
end
$$;

-- Each statement of a guard function must see what committed before it began; under any higher
-- isolation level it would keep seeing the holds of the past.
create or replace function retain_guard.require_read_committed()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    perform retain_guard.refuse('ISOLATION_LEVEL',
      'The guard runs under READ COMMITTED only, not ' || current_setting('transaction_isolation') || '.');
  end if;
end
$$;

-- The hold barrier. Batches take it shared, placing and releasing take it exclusive, each in a
-- statement of its own before looking at anything. It is an advisory lock because that queues fairly:
-- a waiting hold is not overtaken by later batches.
create or replace function retain_guard.barrier_key()
returns bigint
language sql immutable
as $$ select 5395534001::bigint $$;

-- A plan is made for one schedule version and knows the classes and kinds of subject of that version. A
-- hold on anything else would not be seen by its statements, so nothing runs while there is one.
create or replace function retain_guard.require_current_plan(p_document jsonb)
returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  lost text;
begin
  if p_document ->> 'store' is distinct from (select i.store from retain_guard.installation i) then
    perform retain_guard.refuse('GUARD_MISMATCH', 'The guard of this database belongs to another store.');
  end if;
  if (p_document #>> '{schedule,version}')::integer
     is distinct from (select f.version from retain_guard.schedule_in_force f) then
    perform retain_guard.refuse('PLAN_STALE', 'Another schedule version is in force than the plan was made for. Make a new plan.');
  end if;
  select r.kind || ' ' || r.name into lost
    from retain_guard.hold_reach r
   where not coalesce(p_document #> array['reach', r.kind] ? r.name, false)
     and case r.kind
           when 'class' then exists (select from retain_guard.hold_key k join retain_guard.hold h using (hold_no)
                                      where k.record_class = r.name
                                        and (h.released_version is null
                                             or h.released_version > (p_document ->> 'holdVersion')::bigint))
           else exists (select from retain_guard.hold_subject s join retain_guard.hold h using (hold_no)
                         where s.subject_kind = r.name
                           and (h.released_version is null
                                or h.released_version > (p_document ->> 'holdVersion')::bigint))
         end
   limit 1;
  if lost is not null then
    perform retain_guard.refuse('HOLD_SCOPE_LOST',
      'A hold in force names the ' || lost || ', which the schedule of this plan does not have.');
  end if;
end
$$;

reset role;
