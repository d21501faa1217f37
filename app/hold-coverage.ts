/** How many rows a hold covers now: the records its scopes name, and their parts, by table. */
import type { Aggregate } from '../stores/postgres/aggregate.ts';
import type { CatalogueColumn } from '../stores/postgres/catalogue.ts';
import type { StoreConnection } from '../stores/postgres/connection.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import { column, joinDown } from '../stores/postgres/fragments.ts';
import type { ResolvedStore } from '../stores/postgres/reality.ts';
import { castText } from './record-keys.ts';

/** What a hold names in one store, in the text form of the database. */
export interface HoldScopes {
  readonly keys: readonly { readonly recordClass: string; readonly key: readonly string[] }[];
  readonly subjects: readonly { readonly kind: string; readonly subject: string }[];
}

export interface Covered {
  /** `schema.table`, unquoted, for people. */
  readonly table: string;
  readonly rows: number;
}

/** Rows under the scopes right now, by table; a row that several scopes reach counts once. */
export async function coveredRows(
  connection: StoreConnection,
  resolved: ResolvedStore,
  scopes: HoldScopes,
): Promise<Covered[]> {
  const tables = new Map<string, { name: string; selects: string[]; values: string[][] }>();
  for (const aggregate of resolved.aggregates.values()) {
    for (const { test, values } of await rootTests(connection, aggregate, scopes)) {
      const places = [{ table: aggregate.root, path: [] }, ...aggregate.owned];
      for (const { table, path } of places) {
        const entry = tables.get(table.sql) ?? {
          ...{ name: `${table.schema}.${table.name}`, selects: [], values: [] },
        };
        tables.set(table.sql, entry);
        const down = joinDown('r', path, 'p');
        const row = `${down.alias}.tableoid, ${down.alias}.ctid`;
        const where = test(entry.values.length);
        entry.selects.push(`select ${row} from ${aggregate.root.sql} r ${down.sql} where ${where}`);
        entry.values.push(...values);
      }
    }
  }
  const covered: Covered[] = [];
  for (const { name, selects, values } of tables.values()) {
    const rows = await asStore(connection.store, () =>
      connection.sql.unsafe<{ rows: number }[]>(
        `select count(*)::float8 as rows from (${selects.join(' union ')}) as covered`,
        values,
      ),
    );
    covered.push({ table: name, rows: rows[0]?.rows ?? 0 });
  }
  return covered;
}

/** A condition on the root `r`; `test` gets the number of parameters in front of its own. */
interface RootTest {
  readonly test: (before: number) => string;
  readonly values: string[][];
}

async function rootTests(
  connection: StoreConnection,
  aggregate: Aggregate,
  scopes: HoldScopes,
): Promise<RootTest[]> {
  const { recordClass, root } = aggregate;
  const keys = scopes.keys.filter((scope) => scope.recordClass === recordClass.id);
  const tests =
    keys.length === 0
      ? []
      : [
          keyTest(
            aggregate,
            keys.map(({ key }) => key),
          ),
        ];
  for (const [kind, names] of Object.entries(recordClass.subjects)) {
    const ids = scopes.subjects.filter((scope) => scope.kind === kind);
    for (const name of ids.length === 0 ? [] : names) {
      const info = root.columns.get(name);
      if (!info) continue;
      const fitting = await fittingIds(
        connection,
        info,
        ids.map(({ subject }) => subject),
      );
      if (fitting.length > 0) tests.push(columnTest(info, fitting));
    }
  }
  return tests;
}

/** Compared in the column's own type, so that its index serves. */
function columnTest(info: CatalogueColumn, values: string[]): RootTest {
  return {
    test: (before) => `${column('r', info.name)} = any (($${before + 1}::text[])::${info.type}[])`,
    values: [values],
  };
}

function keyTest(aggregate: Aggregate, keys: readonly (readonly string[])[]): RootTest {
  const [first] = aggregate.key;
  if (aggregate.key.length === 1 && first)
    return columnTest(
      first,
      keys.map(([value = '']) => value),
    );
  const left = aggregate.key.map(({ name }) => column('r', name)).join(', ');
  const casts = aggregate.key.map((info, nth) => `k.c${nth}::${info.type}`).join(', ');
  const names = aggregate.key.map((_, nth) => `c${nth}`).join(', ');
  return {
    test: (before) => {
      const arrays = aggregate.key.map((_, nth) => `$${before + nth + 1}::text[]`).join(', ');
      return `(${left}) in (select ${casts} from unnest(${arrays}) as k(${names}))`;
    },
    values: aggregate.key.map((_, nth) => keys.map((key) => key[nth] ?? '')),
  };
}

/** Ids that can stand in this column, as they would stand there. */
async function fittingIds(
  connection: StoreConnection,
  info: CatalogueColumn,
  ids: readonly string[],
): Promise<string[]> {
  const fitting: string[] = [];
  for (const id of ids) if ((await castText(connection, id, info)) === id) fitting.push(id);
  return fitting;
}
