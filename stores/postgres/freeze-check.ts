/**
 * Does the freeze stand as the schedule wants it? Functions and triggers, both ways: a missing or disabled
 * trigger lets somebody change what is held, one too many refuses what the schedule allows.
 */
import type { Sql } from 'postgres';
import { type FrozenTable, wantedFreeze } from './freeze.ts';
import { quoteLiteral } from './identifier.ts';
import type { StoreFinding } from './store-finding.ts';

/** An installed guard of this version is presumed. */
export async function freezeFindings(
  sql: Sql,
  tables: readonly FrozenTable[],
): Promise<StoreFinding[]> {
  return [
    ...(await functionFindings(sql, tables)),
    ...(await triggerFindings(sql, tables)),
    ...(await subscriptionFindings(sql, tables)),
    ...(await eventTriggerFindings(sql)),
  ];
}

async function functionFindings(sql: Sql, tables: readonly FrozenTable[]): Promise<StoreFinding[]> {
  const installed = await sql<{ name: string; body: string; fit: boolean; settings: string[] }[]>`
    select p.proname::text as name, p.prosrc as body, coalesce(p.proconfig, '{}') as settings,
           p.prosecdef and p.proowner = 'retain_guard_owner'::regrole and p.pronargs = 0
             and p.prorettype = 'trigger'::regtype and p.provolatile = 'v'
             and p.prolang = (select l.oid from pg_catalog.pg_language l where l.lanname = 'plpgsql') as fit
      from pg_catalog.pg_proc p
     where p.pronamespace = to_regnamespace('retain_guard') and starts_with(p.proname, 'frozen_')`;
  const known = new Set(tables.map(({ functionName }) => functionName));
  const strange = installed.filter(({ name }) => !known.has(name));
  return [
    ...tables.flatMap(({ functionName, body, settings, table }) => {
      const found = installed.filter(({ name }) => name === functionName);
      const [only] = found;
      const isSame =
        found.length === 1 &&
        only?.fit === true &&
        only.body === body &&
        [...only.settings].sort().join('\0') === [...settings].sort().join('\0');
      if (isSame) return [];
      const how = only === undefined ? 'is gone' : 'is another one than the schedule makes';
      return [mismatch(`function retain_guard.${functionName} (for ${table.sql}) ${how}`)];
    }),
    ...strange.map(({ name }) => mismatch(`function retain_guard.${name} is of no frozen table`)),
  ];
}

interface TriggerState {
  readonly relation: string;
  readonly name: string;
  readonly wanted: boolean;
  readonly there: boolean;
  /** As it was made, and firing always. */
  readonly right: boolean;
}

async function triggerFindings(sql: Sql, tables: readonly FrozenTable[]): Promise<StoreFinding[]> {
  const wanted = quoteLiteral(JSON.stringify(wantedFreeze(tables)));
  const rows = await sql.unsafe<TriggerState[]>(`
    with wanted as (${WANTED.replace('$wanted', () => wanted)}),
    installed as (
      select g.tgrelid, g.tgname::text as tgname, g.tgenabled, pg_get_triggerdef(g.oid) as definition
        from pg_catalog.pg_trigger g join pg_catalog.pg_proc f on f.oid = g.tgfoid
       where starts_with(g.tgname, 'retain_freeze_')
          or f.pronamespace = to_regnamespace('retain_guard') and starts_with(f.proname, 'frozen_')
    )
    select coalesce(w.relation, i.tgrelid::regclass)::text as relation, coalesce(w.name, i.tgname) as name,
           w.name is not null as wanted, i.tgname is not null as there,
           coalesce(i.tgenabled = 'A' and i.definition = w.definition, false) as right
      from wanted w full join installed i on i.tgrelid = w.relation and i.tgname = w.name
     order by 1, 2`);
  return rows.flatMap(({ relation, name, wanted: isWanted, there, right }) => {
    if (right) return [];
    const how = !there
      ? 'is gone: held rows can be changed there'
      : isWanted
        ? 'is disabled or another one than the schedule makes'
        : 'stands on a table that the schedule does not freeze';
    return [mismatch(`trigger ${name} on ${relation} ${how}`)];
  });
}

/** What `freeze_triggers` in the guard answers, said again: the guard's own word is not taken for it. */
const WANTED = `
  select c.oid::regclass as relation, 'retain_freeze_' || lower(e.event) as name,
         case e.event
           when 'TRUNCATE' then
             format('CREATE TRIGGER retain_freeze_truncate BEFORE TRUNCATE ON %I.%I FOR EACH STATEMENT EXECUTE FUNCTION retain_guard.%I()',
                    n.nspname, c.relname, w.item ->> 'function')
           else
             format('CREATE TRIGGER retain_freeze_%s AFTER %s ON %I.%I REFERENCING OLD TABLE AS gone FOR EACH STATEMENT WHEN (((CURRENT_USER <> ''retain_guard_owner''::name) OR (pg_trigger_depth() > 0))) EXECUTE FUNCTION retain_guard.%I()',
                    lower(e.event), e.event, n.nspname, c.relname, w.item ->> 'function')
         end as definition
    from jsonb_array_elements($wanted::jsonb) as w(item)
   cross join lateral (
     select coalesce(pg_partition_root((w.item ->> 'table')::regclass), (w.item ->> 'table')::regclass) as top) as t
   cross join lateral (select t.top::oid as oid union select p.relid from pg_partition_tree(t.top) p) as r
    join pg_catalog.pg_class c on c.oid = r.oid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   cross join lateral jsonb_array_elements_text(w.item -> 'events') as e(event)`;

/** Logical replication applies rows without firing statement triggers. */
async function subscriptionFindings(
  sql: Sql,
  tables: readonly FrozenTable[],
): Promise<StoreFinding[]> {
  const rows = await sql<{ name: string }[]>`
    select distinct r.srrelid::regclass::text as name from pg_catalog.pg_subscription_rel r
     where r.srrelid = any (${tables.map(({ table }) => table.sql)}::text[]::regclass[]::oid[])`;
  return rows.map(({ name }) => ({
    severity: 'warning',
    code: 'FREEZE_BYPASSED',
    message: `${name} receives changes by logical replication, which no trigger sees: a hold does not keep them out`,
  }));
}

/** They need a superuser to install; without them whoever owns a held table can drop it. */
async function eventTriggerFindings(sql: Sql): Promise<StoreFinding[]> {
  const [row] = await sql<{ right: number }[]>`
    select count(*)::integer as right
      from pg_catalog.pg_event_trigger t join pg_catalog.pg_proc f on f.oid = t.evtfoid
     where f.pronamespace = to_regnamespace('retain_guard') and t.evtenabled = 'A'
       and (t.evtname, t.evtevent, f.proname, coalesce(t.evttags, '{}')) in
           (('retain_freeze_drop', 'sql_drop', 'on_drop', '{}'::text[]),
            ('retain_freeze_alter', 'ddl_command_end', 'on_alter', '{"ALTER TABLE"}'::text[]))`;
  if (row?.right === 2) return [];
  const message =
    'nothing keeps the owner of a table from dropping or detaching it, or from disabling its triggers, while a hold covers it: a superuser must run retain store install';
  return [{ severity: 'warning', code: 'FREEZE_BYPASSED', message }];
}

function mismatch(what: string): StoreFinding {
  return {
    severity: 'error',
    code: 'GUARD_MISMATCH',
    message: `${what}; find out who changed it, then run: retain store install`,
  };
}
