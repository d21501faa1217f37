/**
 * A record class matched with the catalogue: its root table, the parts that go with it at any depth,
 * what is detached, what blocks, and through which classes a hold can reach each of those tables.
 */
import type { RecordClass, ReferenceRole } from '../../domain/schedule.ts';
import type {
  Catalogue,
  CatalogueColumn,
  CatalogueForeignKey,
  CatalogueTable,
} from './catalogue.ts';
import { quoteIdentifier } from './identifier.ts';

/** One foreign key walked from the referenced table down to the referencing one. */
export interface Edge {
  readonly constraint: string;
  readonly parent: CatalogueTable;
  readonly parentColumns: readonly string[];
  readonly child: CatalogueTable;
  readonly childColumns: readonly string[];
}

/** A table reached from the root by a path of owned references, the last of which has `role`. */
export interface PartNode {
  readonly role: ReferenceRole;
  readonly path: readonly Edge[];
  readonly table: CatalogueTable;
}

export interface Aggregate {
  readonly recordClass: RecordClass;
  readonly root: CatalogueTable;
  readonly key: readonly CatalogueColumn[];
  /** Parents before their children. */
  readonly owned: readonly PartNode[];
  readonly detached: readonly PartNode[];
  readonly blocking: readonly PartNode[];
}

/** A problem between schedule and database, placed by the path of the key it concerns. */
export interface RealityFinding {
  readonly path: readonly (string | number)[];
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
}

/**
 * Types in which equal values have one text form, so that a hold placed on the text meets the record.
 * `numeric` is not among them: 1.0 and 1.00 are equal.
 */
const KEY_TYPES = new Set([
  'smallint',
  'integer',
  'bigint',
  'text',
  'character varying',
  'bpchar',
  'uuid',
  'date',
  'timestamp with time zone',
  'timestamp without time zone',
  'bytea',
]);

export type Resolved<T> = { readonly value?: T; readonly findings: readonly RealityFinding[] };

/** Matches one record class with the catalogue, or says everything that does not fit, at once. */
export function resolveAggregate(
  recordClass: RecordClass,
  catalogue: Catalogue,
): Resolved<Aggregate> {
  const at = (...path: (string | number)[]) => ['record_classes', recordClass.id, ...path];
  const findings: RealityFinding[] = [];
  const problem = (path: (string | number)[], code: string, message: string) =>
    findings.push({ path, severity: 'error', code, message });

  const { schema, name } = recordClass.table;
  const root = catalogue.find(schema, name);
  if (!root) {
    problem(at('table'), 'TABLE_UNKNOWN', `there is no table ${schema}.${name} in this database`);
    return { findings };
  }
  if (root.kind !== 'table' && root.kind !== 'partitioned') {
    problem(
      at('table'),
      'TABLE_NOT_A_TABLE',
      `${schema}.${name} is a view or a foreign table; only tables can be governed`,
    );
    return { findings };
  }
  if (root.topOid !== root.oid) {
    problem(
      at('table'),
      'TABLE_IS_PARTITION',
      `${schema}.${name} is a partition; name the partitioned table`,
    );
  }
  for (const table of [root]) checkTable(table, at('table'), problem);

  const key = resolveKey(recordClass, root, at, problem);
  for (const [kind, columns] of Object.entries(recordClass.subjects)) {
    for (const column of columns) {
      const found = root.columns.get(column);
      if (!found) {
        problem(
          at('subjects'),
          'COLUMN_UNKNOWN',
          `subjects.${kind}: ${schema}.${name} has no column ${column}`,
        );
      } else if (!KEY_TYPES.has(found.type) || !found.deterministic) {
        problem(
          at('subjects'),
          'KEY_TYPE',
          `subjects.${kind}: ${column} has type ${found.type}; allowed are ${[...KEY_TYPES].join(', ')}`,
        );
      }
    }
  }

  const tree = walkReferences(recordClass, root, catalogue, at, problem);
  // A missing index is no reason to keep quiet about what is wrong with the rules.
  if (findings.some(({ severity, code }) => severity === 'error' && code !== 'INDEX_MISSING')) {
    return { findings };
  }
  for (const table of [root, ...[...tree.owned, ...tree.detached].map((part) => part.table)]) {
    if (table.triggers.length === 0) continue;
    findings.push({
      path: at('table'),
      severity: 'warning',
      code: 'TABLE_HAS_TRIGGERS',
      message: `${table.schema}.${table.name} has triggers (${table.triggers.join(', ')}) that run with every disposal, with the guard's rights; make sure that they copy nothing that is to be destroyed`,
    });
  }
  return { value: { recordClass, root, key, ...tree }, findings };
}

type Problem = (path: (string | number)[], code: string, message: string) => void;
type At = (...path: (string | number)[]) => (string | number)[];

function checkTable(table: CatalogueTable, path: (string | number)[], problem: Problem): void {
  const name = `${table.schema}.${table.name}`;
  if (table.rowSecurity) {
    problem(
      path,
      'ROW_SECURITY',
      `${name} has row level security, which would hide due records from the guard`,
    );
  }
  if (table.inherits) {
    problem(
      path,
      'TABLE_INHERITS',
      `${name} is part of table inheritance, where one deletion reaches into several tables; use partitions`,
    );
  }
  if (table.hasRules) {
    problem(
      path,
      'TABLE_HAS_RULES',
      `${name} has rewrite rules, which can turn a deletion into something else`,
    );
  }
}

function resolveKey(
  recordClass: RecordClass,
  root: CatalogueTable,
  at: At,
  problem: Problem,
): CatalogueColumn[] {
  const key: CatalogueColumn[] = [];
  for (const [index, name] of recordClass.key.entries()) {
    const column = root.columns.get(name);
    if (!column) {
      problem(
        at('key', index),
        'COLUMN_UNKNOWN',
        `${root.schema}.${root.name} has no column ${name}`,
      );
    } else if (!column.notNull) {
      problem(
        at('key', index),
        'KEY_NULLABLE',
        `key column ${name} may be null; a record key never is`,
      );
    } else if (!KEY_TYPES.has(column.type)) {
      problem(
        at('key', index),
        'KEY_TYPE',
        `key column ${name} has type ${column.type}; allowed are ${[...KEY_TYPES].join(', ')}`,
      );
    } else if (!column.deterministic) {
      problem(
        at('key', index),
        'KEY_TYPE',
        `key column ${name} has a collation in which different texts are equal`,
      );
    } else {
      key.push(column);
    }
  }
  const wanted = [...recordClass.key].sort().join('\0');
  const unique = root.indexes.some(
    (index) => index.unique && index.usable && [...index.columns].sort().join('\0') === wanted,
  );
  if (key.length === recordClass.key.length && !unique) {
    problem(
      at('key'),
      'KEY_NOT_UNIQUE',
      `no unique index of ${root.schema}.${root.name} is on exactly (${recordClass.key.join(', ')})`,
    );
  }
  return key;
}

interface Tree {
  readonly owned: PartNode[];
  readonly detached: PartNode[];
  readonly blocking: PartNode[];
}

function walkReferences(
  recordClass: RecordClass,
  root: CatalogueTable,
  catalogue: Catalogue,
  at: At,
  problem: Problem,
): Tree {
  const tree: Tree = { owned: [], detached: [], blocking: [] };
  const used = new Set<string>();
  const queue: { table: CatalogueTable; path: readonly Edge[] }[] = [{ table: root, path: [] }];
  for (let here = queue.shift(); here; here = queue.shift()) {
    for (const foreignKey of incoming(catalogue, here.table)) {
      const child = catalogue.tables.get(foreignKey.childOid);
      if (!child) continue;
      const named = nameOf(recordClass, foreignKey, child, at, problem);
      if (!named) {
        problem(
          at('references'),
          'REFERENCE_UNNAMED',
          `${foreignKey.name} of ${child.schema}.${child.name} points at ${here.table.schema}.${here.table.name} and is not named; say owned, detached or blocking`,
        );
        continue;
      }
      used.add(named.name);
      const edge: Edge = {
        constraint: foreignKey.name,
        parent: here.table,
        parentColumns: foreignKey.parentColumns,
        child,
        childColumns: foreignKey.childColumns,
      };
      checkReference(named, edge, here.path, root, at, problem);
      const node: PartNode = { role: named.role, path: [...here.path, edge], table: child };
      tree[named.role].push(node);
      // Of every role: a blocking row that the guard cannot see does not block.
      checkTable(child, at('references', named.name), problem);
      if (named.role === 'owned' && !closesCycle(edge, here.path, root)) {
        queue.push({ table: child, path: node.path });
      }
    }
  }
  for (const name of Object.keys(recordClass.references)) {
    if (!used.has(name)) {
      problem(
        at('references', name),
        'REFERENCE_UNKNOWN',
        `no foreign key ${name} points at ${root.schema}.${root.name} or at a part of it`,
      );
    }
  }
  return tree;
}

/** Foreign keys onto a table or, for a partitioned one, onto any single partition of it. */
function incoming(catalogue: Catalogue, table: CatalogueTable): CatalogueForeignKey[] {
  return catalogue.foreignKeys.filter(
    (key) => catalogue.tables.get(key.parentOid)?.topOid === table.topOid,
  );
}

function nameOf(
  recordClass: RecordClass,
  foreignKey: CatalogueForeignKey,
  child: CatalogueTable,
  at: At,
  problem: Problem,
): { name: string; role: ReferenceRole } | undefined {
  const candidates = [
    `${child.schema}.${child.name}.${foreignKey.name}`,
    `${child.name}.${foreignKey.name}`,
    foreignKey.name,
  ].filter((name) => Object.hasOwn(recordClass.references, name));
  const name = candidates[0];
  if (name === undefined) return undefined;
  if (candidates.length > 1) {
    problem(
      at('references', name),
      'REFERENCE_TWICE',
      `${foreignKey.name} is named twice: ${candidates.join(' and ')}`,
    );
  }
  const role = recordClass.references[name];
  return role ? { name, role } : undefined;
}

function closesCycle(edge: Edge, path: readonly Edge[], root: CatalogueTable): boolean {
  const above = [root.topOid, ...path.map((step) => step.child.topOid)];
  return above.includes(edge.child.topOid);
}

function checkReference(
  named: { name: string; role: ReferenceRole },
  edge: Edge,
  path: readonly Edge[],
  root: CatalogueTable,
  at: At,
  problem: Problem,
): void {
  const where = at('references', named.name);
  const child = `${edge.child.schema}.${edge.child.name}`;
  if (named.role === 'owned' && closesCycle(edge, path, root)) {
    const what = edge.child.topOid === edge.parent.topOid ? 'SELF_REFERENCE' : 'REFERENCE_CYCLE';
    problem(
      where,
      what,
      `${edge.constraint} leads back to ${child}: owning it could take the whole table along; say blocking or detached`,
    );
  }
  if (named.role === 'detached') {
    for (const name of edge.childColumns) {
      if (edge.child.columns.get(name)?.notNull) {
        problem(
          where,
          'REFERENCE_NOT_NULLABLE',
          `${child}.${name} cannot be null, so ${edge.constraint} cannot be detached; say owned or blocking`,
        );
      }
    }
  }
  const leading = [...edge.childColumns].sort().join('\0');
  const indexed = edge.child.indexes.some(
    (index) =>
      index.usable &&
      [...index.columns.slice(0, edge.childColumns.length)].sort().join('\0') === leading,
  );
  if (!indexed) {
    const columns = edge.childColumns.map(quoteIdentifier).join(', ');
    const concurrently = edge.child.kind === 'partitioned' ? '' : 'CONCURRENTLY ';
    problem(
      where,
      'INDEX_MISSING',
      `${child} has no index on (${edge.childColumns.join(', ')}), so every deletion would scan it; run: CREATE INDEX ${concurrently}ON ${edge.child.sql} (${columns});`,
    );
  }
}
