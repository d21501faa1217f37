/** The cursor of a range: the trigger, then the key; each part as text in the lane, cast where compared. */
import { column } from './fragments.ts';
import type { StepModel } from './step-model.ts';

export interface Cursor {
  readonly names: readonly string[];
  readonly after: string;
  readonly order: string;
  readonly select: string;
  /** The last row of a CTE that was picked in this order, as the lane keeps it. */
  readonly lastOf: (cte: string) => string;
}

export function rangeCursor(model: StepModel): Cursor {
  const trigger = model.due.trigger.column;
  const parts = [trigger, ...model.aggregate.key.filter((part) => part.name !== trigger.name)];
  const names = parts.map((_, index) => `c${index}`);
  const left = parts.map((part) => column('r', part.name)).join(', ');
  const leading = column('r', trigger.name);
  // The leading column alone is for the index. The whole row is tested on every entry that is read, so
  // its bounds are sub-selects: a cast of text to a date is no constant and would be repeated each time.
  const beyond = (parameter: string, than: '>' | '<') => {
    const bounds = parts.map(
      (part, index) => `(select (${parameter}[${index + 1}])::${part.type})`,
    );
    const row = `(${left}) ${than === '>' ? '>' : '<='} (${bounds.join(', ')})`;
    return `(${parameter} is null or ${leading} ${than}= (${parameter}[1])::${trigger.type} and ${row})`;
  };
  const texts = names.map((name) => `x.${name}::text`).join(', ');
  const descending = names.map((name) => `${name} desc`).join(', ');
  const lastRow = (cte: string) =>
    `select ${names.join(', ')} from ${cte} order by ${descending} limit 1`;
  return {
    names,
    select: parts.map((part, index) => `${column('r', part.name)} as c${index}`).join(', '),
    after: `${beyond('$1', '>')} and ${beyond('$2', '<')}`,
    order: left,
    // Only the one row that is left is turned into text; beside ORDER BY it would be every row.
    lastOf: (cte) => `(select array[${texts}] from (${lastRow(cte)}) x)`,
  };
}
