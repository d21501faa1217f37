-- Roles of the guard. They are group roles: give your login roles membership in exactly one of them
-- (retain_app, retain_worker or retain_auditor), or let the group role itself log in.
--
--   retain_guard_owner  owns the guard and alone may delete or change governed rows; nobody logs in as it
--   retain_app          registers plans, decisions, run control and holds; reads governed tables to plan
--   retain_worker       runs approved batches and seals them; has no right of its own on any governed table
--   retain_auditor      reads what was planned, decided, held and destroyed
do $$
declare
  wanted text;
begin
  foreach wanted in array array['retain_guard_owner', 'retain_app', 'retain_worker', 'retain_auditor'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
      execute format('create role %I nologin', wanted);
    end if;
  end loop;
  -- Whoever installs must be able to act as the owner; a superuser is already.
  -- 009 takes this membership away again.
  if current_setting('server_version_num')::integer >= 160000 then
    if not pg_catalog.pg_has_role(current_user, 'retain_guard_owner', 'set') then
      execute format('grant retain_guard_owner to %I with inherit true, set true', current_user);
    end if;
  elsif not pg_catalog.pg_has_role(current_user, 'retain_guard_owner', 'member') then
    execute format('grant retain_guard_owner to %I', current_user);
  end if;
end
$$;

create schema if not exists retain_guard authorization retain_guard_owner;
revoke all on schema retain_guard from public;
grant usage on schema retain_guard to retain_app, retain_worker, retain_auditor;
