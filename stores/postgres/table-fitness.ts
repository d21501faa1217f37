/** Whether a table can be governed at all. */
import type { Problem } from './aggregate.ts';
import type { CatalogueTable } from './catalogue.ts';

/** Reports what would hide rows from the guard or turn a deletion into something else. */
export function checkTable(
  table: CatalogueTable,
  path: (string | number)[],
  problem: Problem,
): void {
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
