/** Counting and listing, for the planner and for the completeness report. */
import type { Edge } from './aggregate.ts';
import { column, joinDown, pairs, rootTest, Values } from './fragments.ts';
import { rangeCursor } from './range-cursor.ts';
import type { StepModel } from './step-model.ts';
import { verdictCtes } from './verdicts.ts';

export interface CountingStatement {
  readonly sql: string;
  readonly values: readonly string[];
}

/** Fixes the types of all parameters, whichever of them the rest uses. */
export const GIVEN =
  'given as (select $1::text[], $2::text[], $3::integer, $4::uuid, $5::integer, $6::bigint, $7::integer, $8::text[])';

/**
 * Counts verdicts over everything that is due (`all`), or over what a run had planned (`planned`).
 * Columns: due, held, blocked, changed, destroys, oldest, newest (triggers of what it would destroy, text).
 */
export function countStatement(model: StepModel, over: 'all' | 'planned'): CountingStatement {
  const values = new Values();
  const filter = over === 'all' ? rootTest(model, values) : plannedFilter(model);
  const sql = [
    `with ${GIVEN}, ${verdictCtes(model, values, filter, 'large', triggerValue(model))}`,
    `select count(*)::integer as due,`,
    `       (count(*) filter (where verdict = 'held'))::integer as held,`,
    `       (count(*) filter (where verdict = 'blocked'))::integer as blocked,`,
    `       (count(*) filter (where verdict = 'changed'))::integer as changed,`,
    `       (count(*) filter (where verdict = 'destroy'))::integer as destroys,`,
    `       (min(at) filter (where verdict = 'destroy'))::text as oldest,`,
    `       (max(at) filter (where verdict = 'destroy'))::text as newest`,
    `  from verdict`,
  ].join('\n');
  return { sql, values: values.list };
}

function plannedFilter(model: StepModel): string {
  const types = model.aggregate.key;
  const tuple = types.map((part) => column('r', part.name)).join(', ');
  const keys = types.map((part, index) => `(p.key[${index + 1}])::${part.type}`).join(', ');
  return `(${tuple}) in (select ${keys} from retain_guard.planned p where p.run_id = $4 and p.step_no = $5)`;
}

function triggerValue(model: StepModel): string {
  const { trigger } = model.due;
  const [first, ...rest] = trigger.path;
  if (trigger.kind === 'column' || !first) return column('r', trigger.column.name);
  const down = joinDown('t0', rest, 't0_');
  const pickOne = trigger.kind === 'latest' ? 'max' : 'min';
  return `(select ${pickOne}(${column(down.alias, trigger.column.name)}) from ${first.child.sql} t0 ${down.sql} where ${pairs('t0', first.childColumns, 'r', first.parentColumns)})`;
}

/** Writes the planned keys of a step: those that the counting statement calls `destroy`. */
export function planKeysStatement(model: StepModel): CountingStatement {
  const values = new Values();
  const filter = rootTest(model, values);
  const single = model.aggregate.key.length === 1;
  const sql = [
    `with ${GIVEN}, ${verdictCtes(model, values, filter, 'large')}`,
    `insert into retain_guard.planned (run_id, step_no, ord, key)`,
    `select $4, $5, row_number() over (order by v.rel_id, v.row_id), ${single ? 'array[v.key]' : 'v.key'}`,
    `  from verdict v where v.verdict = 'destroy'`,
  ].join('\n');
  return { sql, values: values.list };
}

/** Where to cut a range so that each lane gets an equal share: the cursor after $3 due records. */
export function splitStatement(model: StepModel): CountingStatement {
  const values = new Values();
  const cursor = rangeCursor(model);
  const sql = [
    `with ${GIVEN}`,
    `select array[${cursor.names.map((name) => `x.${name}::text`).join(', ')}] as bound`,
    `  from (select ${cursor.select} from ${model.aggregate.root.sql} r where ${rootTest(model, values)}`,
    `         order by ${cursor.order} offset $3 limit 1) x`,
  ].join('\n');
  return { sql, values: values.list };
}

/** Rows of one owned or detached part that would go with what the step destroys. */
export function partCountStatement(model: StepModel, path: readonly Edge[]): CountingStatement {
  const values = new Values();
  const filter = rootTest(model, values);
  const down = joinDown('r', path, 'p');
  const sql = [
    `with ${GIVEN}, ${verdictCtes(model, values, filter, 'large')}`,
    `select count(*)::integer as rows`,
    `  from verdict v join ${model.aggregate.root.sql} r on r.ctid = v.row_id and r.tableoid = v.rel_id ${down.sql}`,
    ` where v.verdict = 'destroy'`,
  ].join('\n');
  return { sql, values: values.list };
}
