-- The freeze: a hold against everybody. Triggers on governed tables, generated for the schedule by
-- freeze.ts, ask the functions here; the proof that nothing slips past is in docs/design/holds.md.
set local role retain_guard_owner;

-- Number of the transaction that placed the newest hold. A number that ended without committing
-- is as good: it is visible to every later snapshot.
create sequence if not exists retain_guard.hold_epoch;

create table if not exists retain_guard.hold_writer (
  hold_no   bigint  not null references retain_guard.hold,
  xid       xid8    not null,
  pid       integer,
  primary key (hold_no, xid)
);
comment on table retain_guard.hold_writer is
  'Transactions that may have passed the triggers before a hold was there. It is frozen when the last has ended.';

create table if not exists retain_guard.frozen_relation (
  relation      oid     primary key,
  root          oid     not null,
  schema_name   text    not null,
  table_name    text    not null,
  reaches       text[]  not null
);
comment on table retain_guard.frozen_relation is
  'Which tables are frozen, partitions by their root, and by holds on what: for statements that drop or detach them.';

-- Raises SQLSTATE RH001, the answer to an UPDATE, DELETE or TRUNCATE of what is frozen. Never with a key.
create or replace function retain_guard.refuse_frozen(p_hold bigint, p_schema text, p_table text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  matter text;
begin
  select h.matter_id into matter from retain_guard.hold h where h.hold_no = p_hold;
  raise exception using
    errcode = 'RH001',
    message = format('RECORD_FROZEN: Rows of %I.%I are under legal hold H-%s of matter %s.', p_schema, p_table, p_hold, matter),
    hint = 'Leave them as they are until the hold is released; ask the people of the matter. New rows may be added.',
    schema = p_schema, table = p_table;
end
$$;

-- A snapshot taken before the newest hold was committed cannot see it, and the transaction that looks through
-- it must begin again. Any hold counts: which rows it covers cannot be seen either.
create or replace function retain_guard.require_newest_holds()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not pg_visible_in_snapshot((select s.last_value::text::xid8 from retain_guard.hold_epoch s), pg_current_snapshot()) then
    raise exception using
      errcode = 'serialization_failure',
      message = 'A legal hold was placed since this transaction began.',
      hint = 'Run the transaction again.';
  end if;
end
$$;

-- Notes the transactions that may have changed governed rows before a hold was visible to them: those that
-- write by now and have a governed table locked for it. To be called once the hold is committed; doing so
-- again changes nothing. Nobody is waited for and nobody is stopped.
create or replace function retain_guard.note_writers(p_hold_no bigint)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- To tell the epoch of the 32 bits that a lock names: those of a running transaction are near.
  near bigint := pg_current_xact_id()::text::bigint;
begin
  perform retain_guard.require_read_committed();
  if exists (select from pg_locks l
              where l.locktype = 'advisory' and l.pid = pg_backend_pid() and l.mode = 'ExclusiveLock' and l.granted
                and (l.classid::bigint << 32) + l.objid::bigint = retain_guard.barrier_key()) then
    perform retain_guard.refuse('USAGE', 'Writers are noted in a later transaction than the one that placed the hold.');
  end if;
  update retain_guard.hold h set writers_noted_at = clock_timestamp()
   where h.hold_no = p_hold_no and h.writers_noted_at is null;
  if not found then
    return;
  end if;
  -- Locks and not the list of a snapshot, which ends where nobody has committed yet. Read once: a transaction
  -- that is being prepared moves from its session to none. The lowest number is that of the whole
  -- transaction, the others are of its savepoints.
  insert into retain_guard.hold_writer (hold_no, xid, pid)
  with locks as materialized (
    select l.locktype, l.mode, l.database, l.relation, l.transactionid, l.virtualtransaction, l.pid
      from pg_locks l where l.granted
  )
  select p_hold_no, min(near - ((near - t.transactionid::text::bigint) % modulus + modulus + modulus / 2) % modulus + modulus / 2)::text::xid8,
         max(t.pid)
    from locks t, (values (4294967296)) as m(modulus)
   where t.locktype = 'transactionid' and t.mode = 'ExclusiveLock' and exists (
     select from locks r
      where r.virtualtransaction = t.virtualtransaction and r.locktype = 'relation'
        and r.mode in ('RowExclusiveLock', 'AccessExclusiveLock')
        and r.database = (select d.oid from pg_database d where d.datname = current_database())
        and r.relation in (select g.tgrelid from pg_trigger g join pg_proc f on f.oid = g.tgfoid
                            where f.pronamespace = 'retain_guard'::regnamespace and starts_with(f.proname, 'frozen_')))
   group by t.virtualtransaction;
end
$$;

-- When the hold was frozen, or what it still waits for: `pid` and `application` of a session, or the name of a
-- prepared transaction, and since when it is open where this role may know. The hold is frozen, and the
-- ledger told, by the first call that finds none. A hold that was released first never is.
create or replace function retain_guard.confirm_freeze(p_hold_no bigint)
returns table (frozen_at timestamptz, waits_for jsonb)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  the_hold retain_guard.hold;
begin
  perform retain_guard.note_writers(p_hold_no);
  select h.* into the_hold from retain_guard.hold h where h.hold_no = p_hold_no;
  if not found then
    perform retain_guard.refuse('HOLD_UNKNOWN', 'There is no such hold.');
  end if;
  waits_for := '[]';
  if the_hold.frozen_at is not null or the_hold.released_version is not null then
    frozen_at := the_hold.frozen_at;
    return next;
    return;
  end if;
  select coalesce(jsonb_agg(jsonb_build_object(
           'pid', case when p.gid is null then w.pid end, 'prepared', p.gid,
           'application', case when p.gid is null then a.application_name end,
           'since', retain_guard.instant_text(coalesce(p.prepared, a.xact_start))) order by w.xid), '[]')
    into waits_for
    from retain_guard.hold_writer w
    left join pg_prepared_xacts p on p.transaction = w.xid::xid
    left join pg_stat_activity a on a.pid = w.pid
   where w.hold_no = p_hold_no
     and exists (select from pg_locks l
                  where l.locktype = 'transactionid' and l.transactionid = w.xid::xid
                    and l.mode = 'ExclusiveLock' and l.granted);
  if waits_for = '[]' then
    update retain_guard.hold h set frozen_at = clock_timestamp()
     where h.hold_no = p_hold_no and h.frozen_at is null and h.released_version is null
    returning h.frozen_at into frozen_at;
    if found then
      delete from retain_guard.hold_writer w where w.hold_no = p_hold_no;
      perform retain_guard.tell('hold.freeze',
        jsonb_build_object('hold', p_hold_no, 'frozen_at', retain_guard.instant_text(frozen_at)));
    else
      select h.frozen_at into frozen_at from retain_guard.hold h where h.hold_no = p_hold_no;
    end if;
  end if;
  return next;
end
$$;

-- Brings the triggers of all tables to what the schedule wants: [{"table", "function", "events"}]. Run by
-- whoever installs, who owns the tables. A trigger that is right already is left alone: to make one, its table is
-- locked against writers.
--
-- `always`: they fire under session_replication_role = replica too. Not for what the guard itself destroys,
-- which was checked row by row; but for what a trigger of somebody else does in its name.
create or replace function retain_guard.install_freeze(p_wanted jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  wanted record;
begin
  perform set_config('retain_guard.installing', 'on', true);
  for wanted in
    select format('drop trigger %I on %s', g.tgname, g.tgrelid::regclass) as statement
      from pg_trigger g join pg_proc f on f.oid = g.tgfoid
     where f.pronamespace = 'retain_guard'::regnamespace and starts_with(f.proname, 'frozen_')
       and not exists (select from retain_guard.freeze_triggers(p_wanted) w
                        where w.relation = g.tgrelid and w.name = g.tgname and w.definition = pg_get_triggerdef(g.oid))
    union all
    select format('drop function %s', f.oid::regprocedure) from pg_proc f
     where f.pronamespace = 'retain_guard'::regnamespace and starts_with(f.proname, 'frozen_')
       and f.proname not in (select w ->> 'function' from jsonb_array_elements(p_wanted) w)
  loop
    execute wanted.statement;
  end loop;
  for wanted in
    select w.*, g.tgenabled from retain_guard.freeze_triggers(p_wanted) w
      left join pg_trigger g on g.tgrelid = w.relation and g.tgname = w.name
     where g.tgenabled is distinct from 'A'
  loop
    if wanted.tgenabled is null then
      execute wanted.definition;
    end if;
    execute format('alter table %s enable always trigger %I', wanted.relation, wanted.name);
  end loop;
  delete from retain_guard.frozen_relation;
  insert into retain_guard.frozen_relation (relation, root, schema_name, table_name, reaches)
  select distinct w.relation, coalesce(pg_partition_root(w.relation), w.relation), n.nspname, c.relname,
         array(select jsonb_array_elements_text(i.item -> 'reaches'))
    from jsonb_array_elements(p_wanted) as i(item)
   cross join lateral retain_guard.freeze_triggers(jsonb_build_array(i.item)) w
    join pg_class c on c.oid = w.relation
    join pg_namespace n on n.oid = c.relnamespace;
  perform retain_guard.forget_foreign_epoch();
  if (select r.rolsuper from pg_roles r where r.rolname = current_user) then
    for wanted in
      select * from (values ('retain_freeze_drop', 'sql_drop', 'on_drop'),
                            ('retain_freeze_alter', 'ddl_command_end when tag in (''ALTER TABLE'')', 'on_alter'))
        as e(name, event, handler)
       where not exists (select from pg_event_trigger t where t.evtname = e.name)
    loop
      execute format('create event trigger %I on %s execute function retain_guard.%I()', wanted.name, wanted.event, wanted.handler);
      execute format('alter event trigger %I enable always', wanted.name);
    end loop;
  end if;
  perform set_config('retain_guard.installing', '', true);
end
$$;

-- Refuses to take a frozen table, one of its partitions or a trigger of the freeze away while a hold in force
-- reaches it. Called by the event triggers, which only a superuser can make; he can disable them too.
create or replace function retain_guard.refuse_lost_tables(p_relations oid[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  the_hold bigint;
  lost     retain_guard.frozen_relation;
begin
  for lost in select r.* from retain_guard.frozen_relation r where r.relation = any (p_relations) loop
    select h.hold_no into the_hold from retain_guard.hold h
     where h.released_version is null
       and (exists (select from retain_guard.hold_key k
                     where k.hold_no = h.hold_no and 'class ' || k.record_class = any (lost.reaches))
            or exists (select from retain_guard.hold_subject s
                        where s.hold_no = h.hold_no and 'subject ' || s.subject_kind = any (lost.reaches)))
     limit 1;
    if the_hold is not null then
      perform retain_guard.refuse_frozen(the_hold, lost.schema_name, lost.table_name);
    end if;
  end loop;
end
$$;

-- What is dropped takes its triggers along, so those of the freeze tell of every way: table, schema, cascade.
create or replace function retain_guard.on_drop()
returns event_trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if retain_guard.is_installing() then
    return;
  end if;
  perform retain_guard.refuse_lost_tables(array(
    select d.objid from pg_event_trigger_dropped_objects() d where d.object_type = 'table'
    union
    select to_regclass(format('%I.%I', d.address_names[1], d.address_names[2]))::oid
      from pg_event_trigger_dropped_objects() d
     where d.object_type = 'trigger' and starts_with(d.address_names[3], 'retain_freeze_')));
end
$$;

-- Detached: a frozen table that is no longer below its root. Disabled: a trigger that does not fire always.
create or replace function retain_guard.on_alter()
returns event_trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if retain_guard.is_installing() then
    return;
  end if;
  perform retain_guard.refuse_lost_tables(array(
    select r.relation from retain_guard.frozen_relation r
     where coalesce(pg_partition_root(r.relation), r.relation) <> r.root
        or exists (select from pg_trigger g join pg_proc f on f.oid = g.tgfoid
                    where g.tgrelid = r.relation and f.pronamespace = 'retain_guard'::regnamespace
                      and starts_with(f.proname, 'frozen_') and g.tgenabled <> 'A')));
end
$$;

-- True for `install_freeze` and for uninstalling: their setting counts only for a login that may act as the owner.
create or replace function retain_guard.is_installing()
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(current_setting('retain_guard.installing', true), '') = 'on'
     and pg_has_role(session_user, 'retain_guard_owner', 'member')
$$;

-- A dump brings the number of another server's transaction along, which nobody's snapshot here may reach for
-- years: everybody above READ COMMITTED would be told to begin again, for ever.
create or replace function retain_guard.forget_foreign_epoch()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if (select s.last_value from retain_guard.hold_epoch s) > pg_current_xact_id()::text::bigint then
    perform pg_advisory_xact_lock(retain_guard.barrier_key());
    perform setval('retain_guard.hold_epoch', pg_current_xact_id()::text::bigint);
  end if;
end
$$;

-- The triggers that `p_wanted` asks for, on partitions of every level too, as PostgreSQL describes them.
create or replace function retain_guard.freeze_triggers(p_wanted jsonb)
returns table (relation regclass, name text, definition text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select c.oid::regclass, 'retain_freeze_' || lower(e.event),
           case e.event
             when 'TRUNCATE' then
               format('CREATE TRIGGER retain_freeze_truncate BEFORE TRUNCATE ON %I.%I FOR EACH STATEMENT EXECUTE FUNCTION retain_guard.%I()',
                      n.nspname, c.relname, w.item ->> 'function')
             else
               format('CREATE TRIGGER retain_freeze_%s AFTER %s ON %I.%I REFERENCING OLD TABLE AS gone FOR EACH STATEMENT WHEN (((CURRENT_USER <> ''retain_guard_owner''::name) OR (pg_trigger_depth() > 0))) EXECUTE FUNCTION retain_guard.%I()',
                      lower(e.event), e.event, n.nspname, c.relname, w.item ->> 'function')
           end
      from jsonb_array_elements(p_wanted) as w(item)
     cross join lateral (
       select coalesce(pg_partition_root((w.item ->> 'table')::regclass), (w.item ->> 'table')::regclass)) as t(top)
     cross join lateral (
       select t.top as oid union select p.relid from pg_partition_tree(t.top) p) as r
      join pg_class c on c.oid = r.oid
      join pg_namespace n on n.oid = c.relnamespace
     cross join lateral jsonb_array_elements_text(w.item -> 'events') as e(event);
end
$$;

reset role;
