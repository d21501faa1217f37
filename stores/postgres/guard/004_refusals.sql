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

reset role;
