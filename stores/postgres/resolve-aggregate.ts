/** A record class held against the catalogue. */
import type { RecordClass } from '../../domain/schedule.ts';
import type { Aggregate, At, Problem, RealityFinding, Resolved } from './aggregate.ts';
import type { Catalogue, CatalogueColumn, CatalogueTable } from './catalogue.ts';
import { checkTable } from './table-fitness.ts';
import { walkReferences } from './walk-references.ts';

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
