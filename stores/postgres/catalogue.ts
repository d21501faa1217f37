/**
 * What a live PostgreSQL database says of its own tables, read once and then only looked at. Every
 * identifier of a schedule is matched with this before it comes near a statement.
 */
import type { Sql } from 'postgres';
import { quoteQualified } from './identifier.ts';

export interface CatalogueColumn {
  readonly name: string;
  /**
   * Type without modifier, as a cast names it under any search path: `bigint`, `timestamp with time
   * zone`, `public.mood`. Never `character`, which a cast reads as one single character: `bpchar`.
   */
  readonly type: string;
  /** A type whose `=` and `<` are PostgreSQL's own: built in, an enum or a domain over one of these. */
  readonly standard: boolean;
  readonly notNull: boolean;
  /** Generated or identity-always columns cannot be set to null or to a constant. */
  readonly computed: boolean;
  /** False under a collation in which different texts are equal: such text cannot name a record. */
  readonly deterministic: boolean;
}

export interface CatalogueForeignKey {
  readonly name: string;
  /** Referencing table. */
  readonly childOid: number;
  readonly childColumns: readonly string[];
  /** Referenced table. */
  readonly parentOid: number;
  readonly parentColumns: readonly string[];
  readonly onDelete: 'no action' | 'restrict' | 'cascade' | 'set null' | 'set default';
}

export interface CatalogueIndex {
  readonly columns: readonly string[];
  readonly unique: boolean;
  /** True for an index without a WHERE clause that is valid and ready. */
  readonly usable: boolean;
}

export interface CatalogueTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** Quoted and qualified. */
  readonly sql: string;
  readonly kind: 'table' | 'partitioned' | 'view' | 'other';
  /** Topmost partitioned ancestor, or the table itself. */
  readonly topOid: number;
  readonly rowSecurity: boolean;
  readonly hasRules: boolean;
  /** Part of plain table inheritance (not partitioning), as parent or as child. */
  readonly inherits: boolean;
  /** Names of user triggers that fire on DELETE or UPDATE. */
  readonly triggers: readonly string[];
  readonly columns: ReadonlyMap<string, CatalogueColumn>;
  readonly indexes: readonly CatalogueIndex[];
}

export interface Catalogue {
  readonly tables: ReadonlyMap<number, CatalogueTable>;
  readonly foreignKeys: readonly CatalogueForeignKey[];
  find(schema: string, name: string): CatalogueTable | undefined;
}

/** Reads every user table of the database in four statements. Needs no right beyond CONNECT. */
export async function readCatalogue(sql: Sql): Promise<Catalogue> {
  const relations = await sql<RelationRow[]>`
    with recursive ancestry as (
      select c.oid, c.oid as top from pg_catalog.pg_class c where not c.relispartition
      union all
      select i.inhrelid, a.top from pg_catalog.pg_inherits i
        join ancestry a on a.oid = i.inhparent
        join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relispartition
    )
    select c.oid::bigint::text as oid, n.nspname as schema, c.relname as name, c.relkind as kind, a.top::bigint::text as top,
           c.relrowsecurity as row_security, 
           exists (select from pg_catalog.pg_rewrite w where w.ev_class = c.oid) as has_rules,
           (not c.relispartition and exists (select from pg_catalog.pg_inherits i where i.inhrelid = c.oid)
             or c.relkind <> 'p' and exists (select from pg_catalog.pg_inherits i where i.inhparent = c.oid)) as inherits,
           array(select g.tgname from pg_catalog.pg_trigger g
                   join pg_catalog.pg_proc f on f.oid = g.tgfoid
                  where g.tgrelid = c.oid and not g.tgisinternal and g.tgenabled <> 'D' and g.tgtype & 24 <> 0
                    and f.pronamespace is distinct from to_regnamespace('retain_guard')
                  order by 1)::text[] as triggers
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join ancestry a on a.oid = c.oid
     where c.relkind in ('r', 'p', 'v', 'm', 'f')
       and n.nspname not in ('pg_catalog', 'information_schema', 'retain_guard', 'retain')
       and n.nspname !~ '^pg_(toast|temp)'`;
  const columns = await sql<ColumnRow[]>`
    select a.attrelid::bigint::text as oid, a.attname as name, case when t.typnamespace = 'pg_catalog'::regnamespace
                then pg_catalog.format_type(a.atttypid, -1)
                else format('%I.%I', u.nspname, t.typname) end as type,
           (t.typnamespace = 'pg_catalog'::regnamespace or t.typtype = 'e'
             or exists (select from pg_catalog.pg_type b where b.oid = t.typbasetype
                           and (b.typnamespace = 'pg_catalog'::regnamespace or b.typtype = 'e'))) as standard,
           a.attnotnull as not_null, (a.attgenerated <> '' or a.attidentity = 'a') as computed,
           coalesce(l.collisdeterministic, true) as deterministic
      from pg_catalog.pg_attribute a
      join pg_catalog.pg_type t on t.oid = a.atttypid
      join pg_catalog.pg_namespace u on u.oid = t.typnamespace
      left join pg_catalog.pg_collation l on l.oid = a.attcollation
      join pg_catalog.pg_class c on c.oid = a.attrelid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f')
       and n.nspname not in ('pg_catalog', 'information_schema', 'retain_guard', 'retain')
     order by a.attrelid, a.attnum`;
  const keys = await sql<ForeignKeyRow[]>`
    select k.conname as name, k.conrelid::bigint::text as child, k.confrelid::bigint::text as parent, k.confdeltype as on_delete,
           array(select a.attname from unnest(k.conkey) with ordinality u(attnum, ord)
                   join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum
                  order by u.ord)::text[] as child_columns,
           array(select a.attname from unnest(k.confkey) with ordinality u(attnum, ord)
                   join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.attnum
                  order by u.ord)::text[] as parent_columns
      from pg_catalog.pg_constraint k
     where k.contype = 'f' and k.conparentid = 0
     order by k.conrelid, k.conname`;
  const indexes = await sql<IndexRow[]>`
    select i.indrelid::bigint::text as oid, i.indisunique as unique,
           (i.indisvalid and i.indisready and i.indpred is null) as usable,
           array(select coalesce(a.attname, '') from unnest(i.indkey::int2[]) with ordinality u(attnum, ord)
                   left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.attnum
                  where u.ord <= i.indnkeyatts order by u.ord)::text[] as columns
      from pg_catalog.pg_index i
      join pg_catalog.pg_class x on x.oid = i.indexrelid
      join pg_catalog.pg_am m on m.oid = x.relam and m.amname = 'btree'`;
  return assemble(relations, columns, keys, indexes);
}

interface RelationRow {
  oid: string;
  schema: string;
  name: string;
  kind: string;
  top: string;
  row_security: boolean;
  has_rules: boolean;
  inherits: boolean;
  triggers: string[];
}
interface ColumnRow {
  oid: string;
  name: string;
  type: string;
  not_null: boolean;
  standard: boolean;
  computed: boolean;
  deterministic: boolean;
}
interface ForeignKeyRow {
  name: string;
  child: string;
  parent: string;
  on_delete: string;
  child_columns: string[];
  parent_columns: string[];
}
interface IndexRow {
  oid: string;
  unique: boolean;
  usable: boolean;
  columns: string[];
}

const KINDS: Readonly<Record<string, CatalogueTable['kind']>> = {
  r: 'table',
  p: 'partitioned',
  v: 'view',
  m: 'view',
};

const ON_DELETE: Readonly<Record<string, CatalogueForeignKey['onDelete']>> = {
  a: 'no action',
  r: 'restrict',
  c: 'cascade',
  n: 'set null',
  d: 'set default',
};

function assemble(
  relations: readonly RelationRow[],
  columns: readonly ColumnRow[],
  keys: readonly ForeignKeyRow[],
  indexes: readonly IndexRow[],
): Catalogue {
  const columnsOf = groupBy(columns, (row) => row.oid);
  const indexesOf = groupBy(indexes, (row) => row.oid);
  const tables = new Map<number, CatalogueTable>();
  const byName = new Map<string, CatalogueTable>();
  for (const row of relations) {
    const table: CatalogueTable = {
      oid: Number(row.oid),
      schema: row.schema,
      name: row.name,
      sql: quoteQualified(row.schema, row.name),
      kind: KINDS[row.kind] ?? 'other',
      topOid: Number(row.top),
      rowSecurity: row.row_security,
      hasRules: row.has_rules,
      inherits: row.inherits,
      triggers: row.triggers,
      columns: new Map(
        (columnsOf.get(row.oid) ?? []).map((column) => [
          column.name,
          {
            name: column.name,
            type: column.type,
            notNull: column.not_null,
            standard: column.standard,
            computed: column.computed,
            deterministic: column.deterministic,
          },
        ]),
      ),
      indexes: indexesOf.get(row.oid) ?? [],
    };
    tables.set(table.oid, table);
    byName.set(table.sql, table);
  }
  return {
    tables,
    foreignKeys: keys.map((row) => ({
      name: row.name,
      childOid: Number(row.child),
      childColumns: row.child_columns,
      parentOid: Number(row.parent),
      parentColumns: row.parent_columns,
      onDelete: ON_DELETE[row.on_delete] ?? 'no action',
    })),
    find: (schema, name) => byName.get(quoteQualified(schema, name)),
  };
}

function groupBy<T>(rows: readonly T[], keyOf: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group) group.push(row);
    else groups.set(keyOf(row), [row]);
  }
  return groups;
}
