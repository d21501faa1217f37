/**
 * Does a store stand as installed? Rights are compared both ways: a missing one stops work, an excess
 * one breaks a promise.
 */
import type { Sql } from 'postgres';
import type { CatalogueTable } from './catalogue.ts';
import { grantFindings } from './check-grants.ts';
import type { FrozenTable } from './freeze.ts';
import { freezeFindings } from './freeze-check.ts';
import { quoteIdentifier } from './identifier.ts';
import { GUARD_VERSION, type TableRights } from './install.ts';
import type { StoreFinding } from './store-finding.ts';

const ROLES = ['retain_guard_owner', 'retain_app', 'retain_worker', 'retain_auditor'] as const;
type Role = (typeof ROLES)[number];

/** Compares the installed guard and all rights on user tables with what the schedule requires. */
export async function checkGuard(
  sql: Sql,
  required: readonly TableRights[],
  tables: Iterable<CatalogueTable>,
  frozen: readonly FrozenTable[],
): Promise<StoreFinding[]> {
  const [installed] = await sql<
    { there: boolean }[]
  >`select to_regclass('retain_guard.installation') is not null as there`;
  if (!installed?.there) {
    return [
      {
        severity: 'error',
        code: 'GUARD_MISSING',
        message: 'the guard is not installed; run: retain store install',
      },
    ];
  }
  const [version] = await sql<{ version: number }[]>`select version from retain_guard.installation`;
  if (!version) {
    return [
      {
        severity: 'error',
        code: 'GUARD_MISSING',
        message: 'the guard was uninstalled and left its log; run: retain store install',
      },
    ];
  }
  if (version.version !== GUARD_VERSION) {
    return [
      {
        severity: 'error',
        code: 'GUARD_MISMATCH',
        message: `the guard has version ${version.version}, this Retain brings ${GUARD_VERSION}; run: retain store install`,
      },
    ];
  }
  return [
    ...(await tableFindings(sql, required, tables)),
    ...(await columnFindings(sql, required)),
    ...(await grantFindings(sql)),
    ...(await freezeFindings(sql, frozen)),
    ...(await membershipFindings(sql)),
    ...(await backlogFindings(sql)),
    ...(await ledgerFindings(sql)),
  ];
}

interface TablePrivileges {
  readonly role: Role;
  readonly table: string;
  readonly privileges: readonly string[];
  readonly on_columns: readonly string[];
}

async function tableFindings(
  sql: Sql,
  required: readonly TableRights[],
  tables: Iterable<CatalogueTable>,
): Promise<StoreFinding[]> {
  const names = [...tables]
    .filter((table) => table.kind === 'table' || table.kind === 'partitioned')
    .map((table) => table.sql);
  const rows = await sql<TablePrivileges[]>`
    select r.role, t.name as "table",
           array(select p.privilege from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) as p(privilege)
                  where has_table_privilege(r.role, t.name::regclass, p.privilege)) as privileges,
           array(select p.privilege from unnest(array['SELECT', 'INSERT', 'UPDATE']) as p(privilege)
                  where has_any_column_privilege(r.role, t.name::regclass, p.privilege)) as on_columns
      from unnest(${[...ROLES]}::text[]) as r(role), unnest(${names}::text[]) as t(name)`;
  const wanted = new Map(required.map((rights) => [rights.table.sql, rights]));
  return rows.flatMap(({ role, table, privileges, on_columns }) => {
    const rights = wanted.get(table);
    const expected = expectedPrivileges(role, rights);
    const missing = expected.filter((privilege) => !privileges.includes(privilege));
    // Which columns of a governed table the guard may update is looked at one by one elsewhere.
    const held = [
      ...privileges,
      ...on_columns.filter((privilege) => !rights || privilege !== 'UPDATE'),
    ];
    const excess = [...new Set(held)].filter(
      (privilege) => !expected.includes(privilege) && isExcess(role, privilege),
    );
    return [
      ...missing.map((privilege) => missingRight(role, privilege, table)),
      ...excess.map((privilege) => excessRight(role, privilege, table)),
    ];
  });
}

function expectedPrivileges(role: Role, rights: TableRights | undefined): string[] {
  if (!rights) return [];
  if (role === 'retain_guard_owner') return rights.remove ? ['SELECT', 'DELETE'] : ['SELECT'];
  return role === 'retain_app' ? ['SELECT'] : [];
}

/** Reading more than needed is a matter for the owner of the database; changing more never is, except by the worker. */
function isExcess(role: Role, privilege: string): boolean {
  return privilege !== 'SELECT' || role === 'retain_worker';
}

function missingRight(role: Role, privilege: string, table: string): StoreFinding {
  return {
    severity: 'error',
    code: 'RIGHTS_MISSING',
    message: `${role} lacks ${privilege} on ${table}`,
    statement: `GRANT ${privilege} ON ${table} TO ${role};`,
  };
}

function excessRight(role: Role, privilege: string, table: string): StoreFinding {
  return {
    severity: 'error',
    code: 'RIGHTS_EXCESS',
    message: `${role} holds ${privilege} on ${table} and must not (directly, through PUBLIC or through a role it is a member of)`,
    statement: `REVOKE ${privilege} ON ${table} FROM ${role}, PUBLIC;`,
  };
}

async function columnFindings(sql: Sql, required: readonly TableRights[]): Promise<StoreFinding[]> {
  const findings: StoreFinding[] = [];
  for (const { table, updateColumns } of required) {
    const rows = await sql<{ role: Role; name: string; may: boolean }[]>`
      select r.role, a.attname::text as name, has_column_privilege(r.role, a.attrelid, a.attnum, 'UPDATE') as may
        from pg_catalog.pg_attribute a, unnest(${[...ROLES]}::text[]) as r(role)
       where a.attrelid = ${table.sql}::regclass and a.attnum > 0 and not a.attisdropped`;
    for (const { role, name, may } of rows) {
      const should = role === 'retain_guard_owner' && updateColumns.includes(name);
      const privilege = `UPDATE (${quoteIdentifier(name)})`;
      if (should && !may) findings.push(missingRight(role, privilege, table.sql));
      if (may && !should) findings.push(excessRight(role, privilege, table.sql));
    }
  }
  return findings;
}

async function membershipFindings(sql: Sql): Promise<StoreFinding[]> {
  const rows = await sql<{ member: string; of: string }[]>`
    select m.rolname::text as member, o.rolname::text as of
      from pg_catalog.pg_roles m, pg_catalog.pg_roles o
     where m.oid <> o.oid and not m.rolsuper and pg_has_role(m.oid, o.oid, 'member')
       and (m.rolname = any (${[...ROLES]})
            -- Who created the role may grant it, and PostgreSQL calls that membership too.
            or (o.rolname = 'retain_guard_owner'
                and case when current_setting('server_version_num')::integer < 160000 then true
                         else pg_has_role(m.oid, o.oid, 'usage') or pg_has_role(m.oid, o.oid, 'set') end))`;
  const login = await sql<{ name: string; super: boolean }[]>`
    select rolname::text as name, rolsuper as super from pg_catalog.pg_roles
     where (rolname = 'retain_guard_owner' and rolcanlogin) or (rolname = any (${[...ROLES]}) and rolsuper)`;
  return [
    ...rows.map(
      ({ member, of }): StoreFinding => ({
        severity: 'error',
        code: 'RIGHTS_EXCESS',
        message: `${member} is a member of ${of} and inherits what it may do`,
        statement: `REVOKE ${quoteIdentifier(of)} FROM ${quoteIdentifier(member)};`,
      }),
    ),
    ...login.map(
      ({ name, super: isSuper }): StoreFinding => ({
        severity: 'error',
        code: 'RIGHTS_EXCESS',
        message: isSuper ? `${name} is a superuser` : `${name} can log in`,
        statement: `ALTER ROLE ${name} ${isSuper ? 'NOSUPERUSER' : 'NOLOGIN'};`,
      }),
    ),
  ];
}

async function backlogFindings(sql: Sql): Promise<StoreFinding[]> {
  const [row] = await sql<{ waiting: number; seconds: number | null }[]>`
    select count(*)::integer as waiting, extract(epoch from clock_timestamp() - min(executed_at))::integer as seconds
      from retain_guard.batch_staged`;
  if (!row || row.waiting === 0 || (row.seconds ?? 0) < 60) return [];
  return [
    {
      severity: 'warning',
      code: 'UNSEALED_BACKLOG',
      message: `${row.waiting} batches have waited up to ${row.seconds} s for sealing; start a worker: it seals what others left`,
    },
  ];
}

async function ledgerFindings(sql: Sql): Promise<StoreFinding[]> {
  const [row] = await sql<{ waiting: number; seconds: number | null }[]>`
    select count(*)::integer as waiting, extract(epoch from clock_timestamp() - min(sealed_at))::integer as seconds
      from retain_guard.batch_sealed where first_index is null`;
  if (!row || row.waiting === 0 || (row.seconds ?? 0) < 60) return [];
  return [
    {
      severity: 'warning',
      code: 'LEDGER_LAGS',
      message: `${row.waiting} sealed batches have waited up to ${row.seconds} s for the ledger, and nothing is destroyed until it follows; look at the workers' logs`,
    },
  ];
}
