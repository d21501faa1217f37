/**
 * The exact SQL of a step, as text. What is built here is hashed into the plan, shown to the approver
 * and run by the guard byte for byte; nothing is added later but the bound parameters.
 */
import { aggregateStatements } from './aggregate-statements.ts';
import { quoteIdentifier } from './identifier.ts';
import { simpleStatements } from './simple-statements.ts';
import { changingParts, isSimple, type StepModel, tablesHoldsPass } from './step-model.ts';
import type { StepStatements } from './step-statements.ts';

/**
 * Takes, on every table of the step, the lock that its statements will need anyway, before the shape of
 * the tables is compared with the plan. LOCK TABLE would ask for rights on whole tables; the guard holds
 * rights on columns.
 */
function steadyStatements(model: StepModel): string[] {
  const { root, key, owned, detached, blocking } = model.aggregate;
  const change = (table: string, columnName: string | undefined) => {
    const name = quoteIdentifier(columnName ?? '');
    return `update ${table} set ${name} = ${name} where false`;
  };
  return [
    model.action === 'delete'
      ? `delete from ${root.sql} where false`
      : change(root.sql, model.overwrites[0]?.column.name ?? key[0]?.name),
    ...owned.map((part) => `delete from ${part.table.sql} where false`),
    ...detached.map((part) => change(part.table.sql, part.path.at(-1)?.childColumns[0])),
    ...[...blocking.map((part) => part.table), ...tablesHoldsPass(model)].map(
      (table) => `select 1 from ${table.sql} where false`,
    ),
  ];
}

function isPartitioned(model: StepModel): boolean {
  const { root } = model.aggregate;
  return [root, ...changingParts(model.aggregate).map((part) => part.table)].some(
    (table) => table.kind === 'partitioned',
  );
}

/** Everything the guard needs to work one step. */
export function stepStatements(model: StepModel): StepStatements {
  const common = { steady: steadyStatements(model), partitioned: isPartitioned(model) };
  return isSimple(model)
    ? { flow: 'simple', ...common, ...simpleStatements(model) }
    : { ...common, ...aggregateStatements(model) };
}
