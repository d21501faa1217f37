/** Every foreign key that leads to a record class or to a part of it, at any depth, with its role. */
import type { RecordClass, ReferenceRole } from '../../domain/schedule.ts';
import type { At, Edge, PartNode, Problem } from './aggregate.ts';
import type { Catalogue, CatalogueForeignKey, CatalogueTable } from './catalogue.ts';
import { quoteIdentifier } from './identifier.ts';
import { checkTable } from './table-fitness.ts';

/** Parents before their children. */
export interface Tree {
  readonly owned: PartNode[];
  readonly detached: PartNode[];
  readonly blocking: PartNode[];
}

/** Walks from the root down; an unnamed, misnamed or impossible reference is reported. */
export function walkReferences(
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
      const node: PartNode = {
        role: named.role,
        path: [...here.path, edge],
        table: child,
        freeze: recordClass.partFreeze[named.name] ?? recordClass.freeze,
      };
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
