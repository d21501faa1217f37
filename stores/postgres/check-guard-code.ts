/**
 * Is the guard's code the one that this Retain brings? Functions, triggers, tables and their constraints
 * against the SQL of the guard's own files: whoever owns the database can weaken any of them without a grant.
 */
import type { Sql } from 'postgres';
import { guardFiles } from './install.ts';
import type { StoreFinding } from './store-finding.ts';

interface FunctionCode {
  readonly name: string;
  readonly body: string;
  readonly definer: boolean;
}

interface InstalledFunction extends FunctionCode {
  readonly owned: boolean;
  /** Its settings begin with the pinned search path, or it has none. */
  readonly pinned: boolean;
}

/** How many of each a table has. */
interface TableShape {
  readonly name: string;
  readonly checks: number;
  readonly keys: number;
  readonly references: number;
  /** Columns that the server computes: generated ones and identities. */
  readonly computed: number;
}

interface InstalledTable extends TableShape {
  readonly owned: boolean;
  /** A permanent plain table without row security and rules. */
  readonly plain: boolean;
  readonly validated: boolean;
}

interface InstalledTrigger {
  readonly table: string;
  readonly name: string;
  readonly internal: boolean;
  readonly enabled: boolean;
}

const FUNCTION =
  /create or replace function retain_guard\.(\w+)\s*\(([\s\S]*?)\bas \$\$([\s\S]*?)\$\$;/g;
const TABLE = /create table if not exists retain_guard\.(\w+) \(([\s\S]*?)\n\);/g;
const TRIGGER = /create trigger (\w+) (?:before|after)[\s\S]*? on retain_guard\.(\w+)/g;

/** Everything that is another than in the files. An installed guard of this version is presumed. */
export async function guardCodeFindings(sql: Sql): Promise<StoreFinding[]> {
  const text = (await guardFiles()).map((file) => file.sql).join('\n');
  return [
    ...functionFindings(functionsIn(text), await installedFunctions(sql)),
    ...tableFindings(tablesIn(text), await installedTables(sql)),
    ...triggerFindings(triggersIn(text), await installedTriggers(sql)),
  ];
}

function functionsIn(text: string): FunctionCode[] {
  return [...text.matchAll(FUNCTION)].map(([, name = '', head = '', body = '']) => ({
    ...{ name, body, definer: /\bsecurity definer\b/.test(head) },
  }));
}

function tablesIn(text: string): TableShape[] {
  return [...text.matchAll(TABLE)].map(([, name = '', columns = '']) => {
    const code = columns.replaceAll(/--.*$/gm, '');
    const count = (pattern: RegExp): number => code.match(pattern)?.length ?? 0;
    return {
      name,
      checks: count(/\bcheck\s*\(/g),
      keys: count(/\bprimary key\b|\bunique\b/g),
      references: count(/\breferences\b/g),
      computed: count(/\bgenerated always\b/g),
    };
  });
}

function triggersIn(text: string): Set<string> {
  return new Set([...text.matchAll(TRIGGER)].map(([, name, table]) => `${table} ${name}`));
}

function functionFindings(
  brought: readonly FunctionCode[],
  installed: readonly InstalledFunction[],
): StoreFinding[] {
  const names = new Set(brought.map(({ name }) => name));
  return [
    ...brought.flatMap((code) => {
      const found = installed.filter(({ name }) => name === code.name);
      const [only] = found;
      if (only === undefined || found.length > 1) {
        return [
          mismatch(
            `function retain_guard.${code.name}`,
            only === undefined ? 'is gone' : 'is there twice',
          ),
        ];
      }
      const isSame = only.body === code.body && only.definer === code.definer;
      return isSame && only.owned && only.pinned
        ? []
        : [
            mismatch(
              `function retain_guard.${code.name}`,
              'is another one than this Retain brings',
            ),
          ];
    }),
    ...installed
      .filter(({ name }) => !names.has(name))
      .map(({ name }) => mismatch(`function retain_guard.${name}`, 'is none of the guard')),
  ];
}

function tableFindings(
  brought: readonly TableShape[],
  installed: readonly InstalledTable[],
): StoreFinding[] {
  return brought.flatMap((shape) => {
    const found = installed.find(({ name }) => name === shape.name);
    const what = `table retain_guard.${shape.name}`;
    if (found === undefined) return [mismatch(what, 'is gone')];
    const counts = ['checks', 'keys', 'references', 'computed'] as const;
    const isSame = counts.every((count) => found[count] === shape[count]);
    return isSame && found.owned && found.plain && found.validated
      ? []
      : [
          mismatch(
            what,
            'is not as it was installed: owner, kind, constraints or computed columns',
          ),
        ];
  });
}

function triggerFindings(
  brought: ReadonlySet<string>,
  installed: readonly InstalledTrigger[],
): StoreFinding[] {
  const own = installed.filter(({ internal }) => !internal);
  const names = new Set(own.map(({ table, name }) => `${table} ${name}`));
  return [
    ...installed
      .filter(({ enabled }) => !enabled)
      .map(({ table }) =>
        mismatch(`table retain_guard.${table}`, 'has a trigger that is disabled'),
      ),
    ...own
      .filter(({ table, name }) => !brought.has(`${table} ${name}`))
      .map(({ table }) =>
        mismatch(`table retain_guard.${table}`, 'has a trigger of somebody else'),
      ),
    ...[...brought]
      .filter((name) => !names.has(name))
      .map((name) => mismatch(`table retain_guard.${name.split(' ')[0]}`, 'has lost its trigger')),
  ];
}

function mismatch(what: string, how: string): StoreFinding {
  return {
    severity: 'error',
    code: 'GUARD_MISMATCH',
    message: `${what} ${how}; find out who changed it, then run: retain store install`,
  };
}

async function installedFunctions(sql: Sql): Promise<InstalledFunction[]> {
  return sql<InstalledFunction[]>`
    select p.proname::text as name, p.prosrc as body, p.prosecdef as definer,
           p.proowner = 'retain_guard_owner'::regrole as owned,
           coalesce(p.proconfig[1] = 'search_path=pg_catalog, pg_temp', not p.prosecdef) as pinned
      from pg_catalog.pg_proc p
      -- Those of the freeze are the schedule's and not the files': freeze-check.ts compares them.
     where p.pronamespace = 'retain_guard'::regnamespace and not starts_with(p.proname, 'frozen_')`;
}

async function installedTables(sql: Sql): Promise<InstalledTable[]> {
  return sql<InstalledTable[]>`
    select c.relname::text as name, c.relowner = 'retain_guard_owner'::regrole as owned,
           c.relkind = 'r' and c.relpersistence = 'p' and not c.relrowsecurity and not c.relhasrules
             and not c.relispartition as plain,
           (select count(*)::integer from pg_catalog.pg_constraint k
             where k.conrelid = c.oid and k.contype = 'c') as checks,
           (select count(*)::integer from pg_catalog.pg_constraint k
             where k.conrelid = c.oid and k.contype in ('p', 'u')) as keys,
           (select count(*)::integer from pg_catalog.pg_constraint k
             where k.conrelid = c.oid and k.contype = 'f') as references,
           (select count(*)::integer from pg_catalog.pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
               and (a.attgenerated <> '' or a.attidentity <> '')) as computed,
           not exists (select from pg_catalog.pg_constraint k
                        where k.conrelid = c.oid and not k.convalidated) as validated
      from pg_catalog.pg_class c where c.relnamespace = 'retain_guard'::regnamespace and c.relkind <> 'i'`;
}

async function installedTriggers(sql: Sql): Promise<InstalledTrigger[]> {
  return sql<InstalledTrigger[]>`
    select c.relname::text as "table", t.tgname::text as name, t.tgisinternal as internal,
           t.tgenabled = 'O' as enabled
      from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
     where c.relnamespace = 'retain_guard'::regnamespace`;
}
