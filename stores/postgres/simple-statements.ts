/** One statement: pick, check, destroy. */
import {
  column,
  heldBy,
  heldKeysAmong,
  heldSubjects,
  keyTuple,
  overwriteList,
  rootTest,
  Values,
  young,
} from './fragments.ts';
import { rangeCursor } from './range-cursor.ts';
import type { StepModel } from './step-model.ts';

/** Picks, checks and destroys in one statement, for records that stand alone. */
export function simpleStatements(model: StepModel): { batch: string; values: readonly string[] } {
  const values = new Values();
  const { root } = model.aggregate;
  const cursor = rangeCursor(model);
  const test = rootTest(model, values);
  const { texts, probes, free } = holdProbes(model);
  const rows = 'array(select d.row_id from marked d where d.free and not d.young)';
  const pair =
    root.kind === 'partitioned'
      ? ` and (r.tableoid, r.ctid) in (select d.rel_id, d.row_id from marked d where d.free)`
      : '';
  const marked = `marked as materialized (select d.row_id, d.rel_id, d.young, (${free}) as free from due d)`;
  // The test and the snapshot mark are repeated on the row that goes: a row that changed between being
  // picked and being destroyed is followed to its new version, which must pass again.
  const target = `r.ctid = any (${rows})${pair} and ${rootTest(model, values.once())} and not ${young('r')}`;
  const change =
    model.action === 'delete'
      ? `delete from ${root.sql} r where ${target}`
      : `update ${root.sql} r set ${overwriteList(model, values)} where ${target}`;
  const batch = [
    `with due as materialized (`,
    `  select r.ctid as row_id, r.tableoid as rel_id, ${cursor.select}, ${young('r')} as young, ${texts.join(', ')}`,
    `    from ${root.sql} r`,
    `   where ${test}`,
    `     and ${cursor.after}`,
    `   order by ${cursor.order}`,
    `   limit $3`,
    `), ${probes.join(', ')},`,
    `${marked},`,
    `gone as (${change} returning ${keyTuple('r', model)} as key)`,
    `select m.picked, ${cursor.lastOf('due')},`,
    `       g.destroyed, m.picked - m.free, 0, m.free - g.destroyed, g.keys`,
    `  from (select count(*)::integer as picked, (count(*) filter (where d.free))::integer as free from marked d) m,`,
    `       (select count(*)::integer as destroyed, array_agg(g.key) as keys from gone g) g`,
  ].join('\n');
  return { batch, values: values.list };
}

interface HoldProbes {
  /** Columns of the picked rows in which holds can name them. */
  readonly texts: readonly string[];
  /** CTEs that look those up among the holds. */
  readonly probes: readonly string[];
  /** True for a picked row `d` that no hold names. */
  readonly free: string;
}

function holdProbes(model: StepModel): HoldProbes {
  const scopes = model.scoped.flatMap((table) => table.scopes);
  const subjects = scopes.flatMap((scope) => scope.subjects);
  const free = [
    ...scopes.map((_, index) => `d.k${index} not in (table hk${index})`),
    ...subjects.map((_, index) => `(d.j${index} is null or d.j${index} not in (table hj${index}))`),
  ];
  const probes = [
    ...scopes.map(
      (scope, index) =>
        `hk${index} as materialized (${heldKeysAmong(scope, { cte: 'due', column: `k${index}` })})`,
    ),
    ...subjects.map(
      (subject, index) =>
        `hj${index} as materialized (${heldSubjects(subject.kind, { cte: 'due', column: `j${index}` })})`,
    ),
  ];
  return {
    texts: [
      ...scopes.map((scope, index) => `${heldBy(scope).of('r')} as k${index}`),
      ...subjects.map((subject, index) => `${column('r', subject.column)}::text as j${index}`),
    ],
    probes,
    free: free.join(' and '),
  };
}
