-- The shape of a set of tables as far as it decides what a deletion does.
set local role retain_guard_owner;

-- SHA-256 over everything that could change what destroying a row of `p_tables` touches: columns,
-- constraints of and *onto* the tables, user triggers with their text, rules, row security and partitions. Two calls
-- give the same value exactly when none of that changed. Incoming foreign keys are found through the
-- referential triggers they leave on the table, which are indexed; pg_constraint is not, that way round.
-- Every batch asks. Planning takes five times as long as running, so a session plans once: in PL/pgSQL,
-- and with a generic plan, which an array of unknown length would never be given by its cost.
create or replace function retain_guard.schema_sha256(p_tables text[])
returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return (
  with recursive
    governed as (
      select t.name::regclass::oid as oid from unnest(p_tables) as t(name)
    ),
    tree as (
      select oid from governed
      union
      select i.inhrelid from pg_inherits i join tree on tree.oid = i.inhparent
    ),
    facts(kind, fact) as (
      -- The oid too: another table under the same name is another table.
      select 1, format('%s %s %s %s %s %s %s %s', c.oid, c.oid::regclass, c.relkind, c.relrowsecurity,
                       c.relforcerowsecurity, c.relispartition, pg_get_expr(c.relpartbound, c.oid),
                       array(select w.rulename from pg_rewrite w where w.ev_class = c.oid order by 1))
        from pg_class c join tree using (oid)
      union all
      select 2, format('%s %s %s %s %s %s %s %s', a.attrelid::regclass, a.attnum, a.attname,
                       a.atttypid::regtype, a.atttypmod, a.attnotnull, a.attgenerated, a.attidentity)
        from pg_attribute a join governed on governed.oid = a.attrelid
       where a.attnum > 0 and not a.attisdropped
      union all
      select 3, format('%s %s %s %s %s %s %s %s %s', c.conname, c.contype, c.conrelid::regclass,
                       c.confrelid::regclass, c.conkey, c.confkey, c.confdeltype, c.confupdtype,
                       c.convalidated)
        from pg_constraint c
       where c.conparentid = 0
         and (c.conrelid in (select oid from tree)
              or c.oid in (select g.tgconstraint from pg_trigger g join tree on tree.oid = g.tgrelid))
      union all
      select 4, format('%s %s %s %s %s %s', g.tgrelid::regclass, g.tgname, g.tgenabled, g.tgtype,
                       g.tgfoid::regprocedure, encode(sha256(convert_to(f.prosrc, 'UTF8')), 'hex'))
        from pg_trigger g join tree on tree.oid = g.tgrelid join pg_proc f on f.oid = g.tgfoid
       where not g.tgisinternal and g.tgparentid = 0
         -- The freeze triggers do not fire for what the guard itself destroys.
         and f.pronamespace <> 'retain_guard'::regnamespace
    )
  select encode(sha256(convert_to(string_agg(fact, e'\n' order by kind, fact collate "C"), 'UTF8')), 'hex')
    from facts
  );
end
$$;

reset role;
