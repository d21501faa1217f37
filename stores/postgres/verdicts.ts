/** What becomes of each record: the same verdicts at plan time over a class and at run time over what is locked. */
import {
  column,
  existsBelow,
  heldBy,
  heldKeys,
  heldKeysAmong,
  heldSubjects,
  joinDown,
  joinUp,
  keyText,
  keyTuple,
  rootTest,
  type Values,
  young,
} from './fragments.ts';
import type { HoldScope, StepModel } from './step-model.ts';

/**
 * CTEs that end in `verdict(row_id, rel_id, key, at, verdict)` for the roots that `filter` selects.
 * A small set of locked rows is probed key by key through the index of the holds; over a whole class
 * the holds are joined instead. `at` is what the caller wants to know of each root.
 */
export function verdictCtes(
  model: StepModel,
  values: Values,
  filter: string,
  set: 'small' | 'large',
  at = 'null',
): string {
  const { root, owned, detached, blocking } = model.aggregate;
  const test = rootTest(model, values);
  // A detached row written since would bring a record back that was reduced or anonymised already.
  const looked = model.action === 'delete' ? owned : [...owned, ...detached];
  const changed = looked.map((part, index) =>
    existsBelow(part.path, `y${index}_`, (alias) => young(alias)),
  );
  const blocks = blocking.map((part, index) => existsBelow(part.path, `b${index}_`, () => ''));
  const held = set === 'small' ? heldBySmallSet(model, filter) : heldByLargeSet(model, filter);
  return [
    `roots as materialized (`,
    `  select r.ctid as row_id, r.tableoid as rel_id, ${keyTuple('r', model)} as key, ${at} as at,`,
    `         coalesce(${test}, false) as due,`,
    `         (${[young('r'), ...changed].join(' or ')}) as young,`,
    `         (${blocks.length > 0 ? blocks.join(' or ') : 'false'}) as blocked`,
    `    from ${root.sql} r`,
    `   where ${filter}`,
    `), ${held},`,
    `verdict as materialized (`,
    `  select a.row_id, a.rel_id, a.key, a.at,`,
    `         case when (a.row_id, a.rel_id) in (select row_id, rel_id from held) then 'held'`,
    `              when a.blocked then 'blocked'`,
    `              when a.young or not a.due then 'changed'`,
    `              else 'destroy' end as verdict`,
    `    from roots a`,
    `)`,
  ].join('\n');
}

interface ScopeRows {
  readonly scope: HoldScope;
  readonly from: string;
  readonly alias: string;
}

/** Every way from the roots to a record that a hold could name: down to a table, up to its class. */
function scopeRows(model: StepModel): ScopeRows[] {
  return model.scoped.flatMap(({ path, scopes }) =>
    scopes.map((scope) => {
      const down = joinDown('r', path, 'p');
      const up = joinUp(down.alias, scope.up, 'q');
      return {
        scope,
        from: `${model.aggregate.root.sql} r ${down.sql} ${up.sql}`,
        alias: up.alias,
      };
    }),
  );
}

function heldBySmallSet(model: StepModel, filter: string): string {
  const rows = scopeRows(model);
  const ctes = rows.map(({ scope, from, alias }, index) => {
    const columns = [
      `${heldBy(scope).of(alias)} as k`,
      ...scope.subjects.map((subject, nth) => `${column(alias, subject.column)}::text as j${nth}`),
    ];
    return `s${index} as materialized (select r.ctid as row_id, r.tableoid as rel_id, ${columns.join(', ')} from ${from} where ${filter})`;
  });
  const held = rows.flatMap(({ scope }, index) => [
    `select row_id, rel_id from s${index} where k in (${heldKeysAmong(scope, { cte: `s${index}`, column: 'k' })})`,
    ...scope.subjects.map(
      (subject, nth) =>
        `select row_id, rel_id from s${index} where j${nth} in (${heldSubjects(subject.kind, { cte: `s${index}`, column: `j${nth}` })})`,
    ),
  ]);
  return [...ctes, `held as materialized (${held.join(' union ')})`].join(',\n');
}

function heldByLargeSet(model: StepModel, filter: string): string {
  const held = scopeRows(model).map(({ scope, from, alias }) => {
    const tests = [
      `${keyText(alias, scope.key)} in (${heldKeys(scope)})`,
      ...scope.subjects.map(
        (subject) => `${column(alias, subject.column)}::text in (${heldSubjects(subject.kind)})`,
      ),
    ];
    return `select r.ctid as row_id, r.tableoid as rel_id from ${from} where ${filter} and (${tests.join(' or ')})`;
  });
  return `held as materialized (${held.join(' union ')})`;
}
