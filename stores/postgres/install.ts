/**
 * Installing, granting and removing the guard. The guard itself is the SQL beside this file; what
 * depends on the schedule, rights on governed tables, is computed here and applied in the same
 * transaction.
 */
import { readdir, readFile } from 'node:fs/promises';
import type { Sql } from 'postgres';
import type { Aggregate } from './aggregate.ts';
import type { CatalogueTable } from './catalogue.ts';
import type { StoreConnection } from './connection.ts';
import { asStore } from './driver-error.ts';
import { freezeStatements, frozenTables } from './freeze.ts';
import { quoteIdentifier, quoteLiteral } from './identifier.ts';
import type { ResolvedStore } from './reality.ts';

export const GUARD_VERSION = 1;
const GUARD_FOLDER = new URL('./guard/', import.meta.url);

/** The rights on one governed table. Columns the guard may overwrite or must be able to lock. */
export interface TableRights {
  readonly table: CatalogueTable;
  readonly remove: boolean;
  readonly updateColumns: readonly string[];
}

/**
 * The rights that the guard's owner needs, and no others: DELETE where rows go, UPDATE on the columns
 * that are blanked or detached, and UPDATE on one column of every table whose rows are locked before
 * they go (PostgreSQL asks that of SELECT … FOR UPDATE).
 */
export function requiredRights(store: ResolvedStore): TableRights[] {
  const rights = new Map<
    string,
    { table: CatalogueTable; remove: boolean; updateColumns: Set<string> }
  >();
  const of = (table: CatalogueTable) => {
    const found = rights.get(table.sql) ?? {
      table,
      remove: false,
      updateColumns: new Set<string>(),
    };
    rights.set(table.sql, found);
    return found;
  };
  for (const aggregate of store.aggregates.values()) {
    of(aggregate.root);
    for (const part of [...aggregate.owned, ...aggregate.detached, ...aggregate.blocking])
      of(part.table);
  }
  for (const { aggregate, rule, overwrites } of store.rules.values()) {
    const root = of(aggregate.root);
    if (rule.then.kind === 'delete') root.remove = true;
    for (const { column } of overwrites) root.updateColumns.add(column.name);
    addPartRights(aggregate, of);
  }
  return [...rights.values()].map(({ table, remove, updateColumns }) => ({
    table,
    remove,
    updateColumns: [...updateColumns].sort(),
  }));
}

function addPartRights(
  aggregate: Aggregate,
  of: (table: CatalogueTable) => { remove: boolean; updateColumns: Set<string> },
): void {
  const lockable = (columns: readonly string[], table: CatalogueTable) => {
    const [first] = columns;
    if (first !== undefined) of(table).updateColumns.add(first);
  };
  lockable(aggregate.recordClass.key, aggregate.root);
  for (const part of aggregate.owned) {
    of(part.table).remove = true;
    lockable(part.path.at(-1)?.childColumns ?? [], part.table);
  }
  for (const part of aggregate.detached) {
    for (const name of part.path.at(-1)?.childColumns ?? []) of(part.table).updateColumns.add(name);
  }
}

/** Reads the guard's SQL files in their order. */
export async function guardFiles(): Promise<{ name: string; sql: string }[]> {
  const names = (await readdir(GUARD_FOLDER)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => ({ name, sql: await readFile(new URL(name, GUARD_FOLDER), 'utf8') })),
  );
}

/** The statements that give the guard's roles their rights on governed tables, for review and for running. */
export function grantStatements(rights: readonly TableRights[]): string[] {
  const schemas = [...new Set(rights.map(({ table }) => table.schema))];
  return [
    ...schemas.map(
      (schema) =>
        `grant usage on schema ${quoteIdentifier(schema)} to retain_guard_owner, retain_app`,
    ),
    ...rights.flatMap(({ table, remove, updateColumns }) => [
      `grant select on ${table.sql} to retain_guard_owner, retain_app`,
      ...(remove ? [`grant delete on ${table.sql} to retain_guard_owner`] : []),
      ...(updateColumns.length > 0
        ? [
            `grant update (${updateColumns.map(quoteIdentifier).join(', ')}) on ${table.sql} to retain_guard_owner`,
          ]
        : []),
    ]),
  ];
}

/**
 * Everything in one script, so that a person can read what will run before it runs. `revokedSigners` are worker
 * keys that the ledger has revoked: whatever the store was installed or restored from, it must know them.
 */
export async function installScript(
  storeId: string,
  store: ResolvedStore,
  revokedSigners: readonly string[],
): Promise<string> {
  const files = await guardFiles();
  return [
    'begin;',
    'select pg_catalog.pg_advisory_xact_lock(5395534002);',
    ...files.map(({ name, sql }) => `-- ${name}\n${sql}`),
    ...grantStatements(requiredRights(store)).map((statement) => `${statement};`),
    ...revokedSigners.map((name) => `select retain_guard.revoke_signer(${quoteLiteral(name)});`),
    ...freezeStatements(frozenTables(store)).map((statement) => `${statement};`),
    bindStore(storeId),
    LEAVE_OWNER,
    'commit;',
  ].join('\n');
}

/**
 * One database, one store: the holds of one would not be seen by the steps of the other. The ledger is told
 * when the guard came or became another version.
 */
function bindStore(storeId: string): string {
  const store = quoteLiteral(storeId);
  return `
do $$
declare
  before retain_guard.installation;
begin
  select * into before from retain_guard.installation;
  if before.store <> ${store} then
    perform retain_guard.refuse('GUARD_MISMATCH', 'The guard of this database belongs to another store.');
  end if;
  insert into retain_guard.installation (version, store) values (${GUARD_VERSION}, ${store})
  on conflict (only_row) do update
     set version = excluded.version, installed_at = clock_timestamp(), installed_by = session_user;
  if before.version is distinct from ${GUARD_VERSION} then
    perform retain_guard.tell('guard.install', pg_catalog.jsonb_build_object('guard_version', ${GUARD_VERSION}));
  end if;
end
$$;`;
}

// Whoever installed acted as the owner of the guard; nobody goes on being able to.
const LEAVE_OWNER = `
do $$
begin
  if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
    execute format('revoke retain_guard_owner from %I', current_user);
  end if;
end
$$;`;

/** Installs or brings up to date, in one transaction. Needs an admin connection. */
export async function installGuard(
  connection: StoreConnection,
  store: ResolvedStore,
  revokedSigners: readonly string[],
): Promise<void> {
  const script = await installScript(connection.store, store, revokedSigners);
  await asStore(connection.store, () => connection.sql.unsafe(script).simple());
}

/**
 * Removes the guard's functions and every right it had on governed tables; the tables with the log
 * stay, readable by the auditor role, and the worker role keeps what the ledger needs to follow to the end.
 * Installing again picks up where this left off. Refused while a run is open or a batch unsealed: its keys
 * would stay behind with nobody to seal them.
 */
export async function uninstallGuard(connection: StoreConnection): Promise<void> {
  await asStore(connection.store, async () => {
    const { sql } = connection;
    const functions = await sql<{ signature: string }[]>`
      select p.oid::regprocedure::text as signature from pg_catalog.pg_proc p
        join pg_catalog.pg_namespace n on n.oid = p.pronamespace
       where n.nspname = 'retain_guard' and p.proname not in ('mark_integrated', 'refuse')
       -- First those that every further drop would call.
       order by p.prorettype = 'event_trigger'::regtype desc, p.proname desc`;
    const tables = await grantedTables(sql);
    const schemas = [...new Set(tables.map(({ schema }) => quoteIdentifier(schema)))];
    const [roles] = (await guardFiles()).filter(({ name }) => name === '001_roles.sql');
    const script = [
      'begin;',
      roles?.sql ?? '',
      REFUSE_WHILE_BUSY,
      'delete from retain_guard.planned;',
      'drop trigger if exists planned_is_closed on retain_guard.planned;',
      TELL_REMOVAL,
      "set local retain_guard.installing = 'on';",
      ...functions.map(({ signature }) => `drop function ${signature} cascade;`),
      ...tables.map(
        ({ name }) => `revoke all on ${name} from retain_guard_owner, retain_app, retain_worker;`,
      ),
      ...schemas.map(
        (schema) => `revoke usage on schema ${schema} from retain_guard_owner, retain_app;`,
      ),
      'revoke all on all tables in schema retain_guard from retain_app, retain_worker;',
      'grant select on retain_guard.event, retain_guard.event_state, retain_guard.batch, retain_guard.batch_sealed to retain_worker;',
      'delete from retain_guard.installation;',
      LEAVE_OWNER,
      'commit;',
    ].join('\n');
    await sql.unsafe(script).simple();
  });
}

// In the script: only there may an installer who is no superuser look. The lock keeps runs from opening.
const REFUSE_WHILE_BUSY = `
do $$
begin
  lock table retain_guard.run in share row exclusive mode;
  if exists (select from retain_guard.run where closed_at is null)
     or exists (select from retain_guard.batch_staged) then
    perform retain_guard.refuse('RUN_OPEN', 'There are open runs or unsealed batches. Finish or stop them first.');
  end if;
end
$$;`;

// Before the functions go, and after every lock that somebody who tells may have.
const TELL_REMOVAL = `
do $$
declare
  installed integer;
begin
  select version into installed from retain_guard.installation;
  if found then
    perform retain_guard.tell('guard.remove', pg_catalog.jsonb_build_object('guard_version', installed));
  end if;
end
$$;`;

async function grantedTables(sql: Sql): Promise<{ schema: string; name: string }[]> {
  return sql<{ schema: string; name: string }[]>`
    select distinct n.nspname::text as schema, format('%I.%I', n.nspname, c.relname) as name
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and n.nspname <> 'retain_guard'
       and (has_any_column_privilege('retain_guard_owner', c.oid, 'select, update')
            or has_any_column_privilege('retain_app', c.oid, 'select, update'))
       and n.nspname not in ('pg_catalog', 'information_schema')`;
}
