/**
 * The exact SQL of a step, as text. What is built here is hashed into the plan, shown to the approver
 * and run by the guard byte for byte; nothing is added later but the bound parameters.
 */
import type { Edge, PartNode } from './aggregate.ts';
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
  pairs,
  rootTest,
  Values,
  young,
} from './fragments.ts';
import { quoteIdentifier } from './identifier.ts';
import {
  changingParts,
  type HoldScope,
  isSimple,
  type StepModel,
  tablesHoldsPass,
} from './step-model.ts';

/** What the guard stores for a step, as JSON: the flow, its statements and the bound values. */
export type StepStatements = {
  /** Statements that match no row and lock their table against a change of shape. */
  readonly steady: readonly string[];
  /** Partitions can be attached beside those locks: the shape is then compared once more at the end. */
  readonly partitioned: boolean;
  readonly values: readonly string[];
} & (
  | { readonly flow: 'simple'; readonly batch: string }
  | {
      readonly flow: 'aggregate';
      readonly pick: string;
      readonly locks: readonly string[];
      readonly decide: string;
      /** Each clears pointers between records of the batch and answers where its rows are now. */
      readonly unlink: readonly string[];
      readonly parts: readonly { readonly table: string; readonly sql: string }[];
      /** Each answers a row when a part did not go with its record. */
      readonly remains: readonly string[];
      readonly root: string;
    }
);

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

export function stepStatements(model: StepModel): StepStatements {
  return isSimple(model) ? simpleStatements(model) : aggregateStatements(model);
}

// ---------------------------------------------------------------------------------------------------
// Cursor of a range: the trigger, then the key; each part as text in the lane, cast where compared.

interface Cursor {
  readonly names: readonly string[];
  readonly after: string;
  readonly order: string;
  readonly descending: string;
  readonly select: string;
  readonly asText: (alias: string) => string;
}

function rangeCursor(model: StepModel): Cursor {
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
  return {
    names,
    select: parts.map((part, index) => `${column('r', part.name)} as c${index}`).join(', '),
    after: `${beyond('$1', '>')} and ${beyond('$2', '<')}`,
    order: left,
    descending: names.map((name) => `${name} desc`).join(', '),
    asText: (alias) => `array[${names.map((name) => `${alias}.${name}::text`).join(', ')}]`,
  };
}

// ---------------------------------------------------------------------------------------------------
// One statement: pick, check, destroy.

function simpleStatements(model: StepModel): StepStatements {
  const values = new Values();
  const { root } = model.aggregate;
  const cursor = rangeCursor(model);
  const test = rootTest(model, values);
  const scopes = model.scoped.flatMap((table) => table.scopes);
  const subjects = scopes.flatMap((scope) => scope.subjects);
  const texts = scopes.map((scope, index) => `${heldBy(scope).of('r')} as k${index}`);
  const who = subjects.map((subject, index) => `${column('r', subject.column)}::text as j${index}`);
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
  const rows = 'array(select d.row_id from marked d where d.free and not d.young)';
  const pair =
    root.kind === 'partitioned'
      ? ` and (r.tableoid, r.ctid) in (select d.rel_id, d.row_id from marked d where d.free)`
      : '';
  const marked = `marked as materialized (select d.row_id, d.rel_id, d.young, (${free.join(' and ')}) as free from due d)`;
  // The test and the snapshot mark are repeated on the row that goes: a row that changed between being
  // picked and being destroyed is followed to its new version, which must pass again.
  const target = `r.ctid = any (${rows})${pair} and ${rootTest(model, values.once())} and not ${young('r')}`;
  const change =
    model.action === 'delete'
      ? `delete from ${root.sql} r where ${target}`
      : `update ${root.sql} r set ${overwriteList(model, values)} where ${target}`;
  const batch = [
    `with due as materialized (`,
    `  select r.ctid as row_id, r.tableoid as rel_id, ${cursor.select}, ${young('r')} as young, ${[...texts, ...who].join(', ')}`,
    `    from ${root.sql} r`,
    `   where ${test}`,
    `     and ${cursor.after}`,
    `   order by ${cursor.order}`,
    `   limit $3`,
    `), ${probes.join(', ')},`,
    `${marked},`,
    `gone as (${change} returning ${keyTuple('r', model)} as key)`,
    `select m.picked, (select ${cursor.asText('d')} from due d order by ${cursor.descending} limit 1),`,
    `       g.destroyed, m.picked - m.free, 0, m.free - g.destroyed, g.keys`,
    `  from (select count(*)::integer as picked, (count(*) filter (where d.free))::integer as free from marked d) m,`,
    `       (select count(*)::integer as destroyed, array_agg(g.key) as keys from gone g) g`,
  ].join('\n');
  return {
    flow: 'simple',
    steady: steadyStatements(model),
    partitioned: isPartitioned(model),
    batch,
    values: values.list,
  };
}

/** Key of a record as text: a plain text for one column, an array for several. */
function keyTuple(alias: string, model: StepModel): string {
  const texts = model.aggregate.key.map((part) => `${column(alias, part.name)}::text`);
  return texts.length === 1 ? (texts[0] ?? '') : `array[${texts.join(', ')}]`;
}

function overwriteList(model: StepModel, values: Values): string {
  return model.overwrites
    .map(
      ({ column: info, constant }) =>
        `${quoteIdentifier(info.name)} = ${constant === null ? 'null' : values.add(constant, info.type)}`,
    )
    .join(', ');
}

// ---------------------------------------------------------------------------------------------------
// An aggregate: lock the roots, lock their parts, decide on what is locked, then destroy bottom up.

const AT_ROWS = 'r.ctid = any ($1) and (r.tableoid, r.ctid) in (select * from unnest($2, $1))';

function aggregateStatements(model: StepModel): StepStatements {
  const values = new Values();
  const pick = model.source === 'range' ? pickRange(model, values) : pickPlanned(model);
  const decide = decideStatement(model, values);
  const root =
    model.action === 'delete'
      ? `delete from ${model.aggregate.root.sql} r where ${AT_ROWS}`
      : `update ${model.aggregate.root.sql} r set ${overwriteList(model, values)} where ${AT_ROWS}`;
  return {
    flow: 'aggregate',
    steady: steadyStatements(model),
    partitioned: isPartitioned(model),
    pick,
    locks: changingParts(model.aggregate).map((part) => lockPart(model, part.path)),
    remains: model.aggregate.owned
      .filter((part) => part.table.triggers.length > 0)
      .map((part) => remainingPart(model, part.path)),
    decide,
    unlink: model.aggregate.detached
      .filter(
        (part) => pointsBack(model, part) && (part.path.length > 1 || model.action !== 'delete'),
      )
      .map((part) => unlinkRecords(model, part.path)),
    // Detached rows first: once their part is gone they could no longer be found, and a foreign key that
    // cascades would have taken them along.
    parts: [
      ...model.aggregate.detached.map((part) => ({
        table: part.table.sql,
        sql: detachPart(model, part.path),
      })),
      ...[...model.aggregate.owned].reverse().map((part) => ({
        table: part.table.sql,
        sql: deletePart(model, part.path),
      })),
    ],
    root,
    values: values.list,
  };
}

/**
 * The cursor is read before anything is locked: a row that was re-dated while its lock was waited for
 * would otherwise carry it past records that nobody has looked at. Such a row counts as gone.
 */
function pickRange(model: StepModel, values: Values): string {
  const cursor = rangeCursor(model);
  const { root } = model.aggregate;
  return [
    `with range as materialized (`,
    `  select r.ctid as row_id, r.tableoid as rel_id, ${cursor.select}`,
    `    from ${root.sql} r`,
    `   where ${rootTest(model, values)}`,
    `     and ${cursor.after}`,
    `   order by ${cursor.order}`,
    `   limit $3`,
    `), locked as materialized (`,
    `  select r.ctid as row_id, r.tableoid as rel_id`,
    `    from ${root.sql} r`,
    `   where r.ctid = any (array(select g.row_id from range g))`,
    `     and (r.tableoid, r.ctid) in (select g.rel_id, g.row_id from range g)`,
    `     for update of r`,
    `)`,
    `select (select count(*) from range)::integer,`,
    `       (select ${cursor.asText('g')} from range g order by ${cursor.descending} limit 1),`,
    `       (select array_agg(row_id order by rel_id, row_id) from locked),`,
    `       (select array_agg(rel_id order by rel_id, row_id) from locked)`,
  ].join('\n');
}

/**
 * Only keys that the planning transaction itself wrote count: one that was already open when the plan
 * was registered could not be refused when it added others.
 */
function pickPlanned(model: StepModel): string {
  const { root, key } = model.aggregate;
  const match = key
    .map((part, index) => `${column('r', part.name)} = (p.key[${index + 1}])::${part.type}`)
    .join(' and ');
  return [
    `with planned as materialized (`,
    `  select p.ord, p.key from retain_guard.planned p`,
    `   where p.run_id = $4 and p.step_no = $5`,
    `     and p.xmin = (select y.xmin from retain_guard.plan y where y.run_id = $4)`,
    `     and p.ord > coalesce(($1[1])::bigint, 0) and ($2 is null or p.ord <= ($2[1])::bigint)`,
    `   order by p.ord`,
    `   limit $3`,
    `), locked as materialized (`,
    `  select r.ctid as row_id, r.tableoid as rel_id`,
    `    from planned p join ${root.sql} r on ${match}`,
    `   order by p.ord`,
    `     for update of r`,
    `)`,
    `select (select count(*) from planned)::integer,`,
    `       (select array[max(ord)::text] from planned having count(*) > 0),`,
    `       (select array_agg(row_id order by rel_id, row_id) from locked),`,
    `       (select array_agg(rel_id order by rel_id, row_id) from locked)`,
  ].join('\n');
}

function lockPart(model: StepModel, path: readonly Edge[]): string {
  const down = joinDown('r', path, 'p');
  return `select 1 from ${model.aggregate.root.sql} r ${down.sql} where ${AT_ROWS} for update of ${down.alias}`;
}

/** A trigger can keep a row from going; only tables with triggers are looked at again. */
function remainingPart(model: StepModel, path: readonly Edge[]): string {
  const down = joinDown('r', path, 'p');
  return `select 1 from ${model.aggregate.root.sql} r ${down.sql} where ${AT_ROWS} limit 1`;
}

function isPartitioned(model: StepModel): boolean {
  const { root } = model.aggregate;
  return [root, ...changingParts(model.aggregate).map((part) => part.table)].some(
    (table) => table.kind === 'partitioned',
  );
}

function deletePart(model: StepModel, path: readonly Edge[]): string {
  const { target, from, where } = partTarget(model, path);
  return `delete from ${target} x using ${from} where ${where}`;
}

function detachPart(model: StepModel, path: readonly Edge[]): string {
  const edge = path.at(-1);
  const { target, from, where } = partTarget(model, path);
  const cleared = (edge?.childColumns ?? [])
    .map((name) => `${quoteIdentifier(name)} = null`)
    .join(', ');
  // A row of the root's own table that goes in this very batch must not be rewritten first: it would
  // then no longer be where the batch locked it.
  const self =
    edge?.child.topOid === model.aggregate.root.topOid
      ? ` and (x.tableoid, x.ctid) not in (select * from unnest($2, $1))`
      : '';
  return `update ${target} x set ${cleared} from ${from} where ${where}${self}`;
}

function pointsBack({ aggregate }: StepModel, { table }: PartNode): boolean {
  return table.topOid === aggregate.root.topOid;
}

/**
 * Records of the batch that point at a part of the batch, their own or another's, must let go of it
 * before it goes. Writing them moves them, so the answer is the whole batch again: $1 and $2 of what
 * follows. Records that point at each other and are deleted in one statement need no such thing.
 */
function unlinkRecords(model: StepModel, path: readonly Edge[]): string {
  const { target, from, where } = partTarget(model, path);
  const cleared = (path.at(-1)?.childColumns ?? []).map(
    (name) => `${quoteIdentifier(name)} = null`,
  );
  return [
    `with batch as materialized (`,
    `  select b.rel_id, b.row_id from unnest($2, $1) as b(rel_id, row_id)`,
    `), hit as materialized (`,
    `  select distinct x.tableoid as rel_id, x.ctid as row_id from ${target} x, ${from}`,
    `   where ${where} and x.ctid = any ($1) and (x.tableoid, x.ctid) in (select b.rel_id, b.row_id from batch b)`,
    `), moved as (`,
    `  update ${target} x set ${cleared.join(', ')} from hit h`,
    `   where x.ctid = h.row_id and x.tableoid = h.rel_id returning x.tableoid as rel_id, x.ctid as row_id`,
    `), now as (`,
    `  select b.rel_id, b.row_id from batch b where (b.rel_id, b.row_id) not in (select h.rel_id, h.row_id from hit h)`,
    `  union all select m.rel_id, m.row_id from moved m`,
    `)`,
    `select array_agg(n.row_id order by n.rel_id, n.row_id), array_agg(n.rel_id order by n.rel_id, n.row_id) from now n`,
  ].join('\n');
}

/** `x` is the last table of the path, joined up to the roots in $1. */
function partTarget(
  model: StepModel,
  path: readonly Edge[],
): { target: string; from: string; where: string } {
  const last = path.at(-1);
  const above = joinDown('r', path.slice(0, -1), 'p');
  return {
    target: last?.child.sql ?? '',
    from: `${model.aggregate.root.sql} r ${above.sql}`.trimEnd(),
    where: `${pairs('x', last?.childColumns ?? [], above.alias, last?.parentColumns ?? [])} and ${AT_ROWS}`,
  };
}

// ---------------------------------------------------------------------------------------------------
// Deciding: the same verdicts at plan time over the whole class and at run time over what is locked.

/**
 * CTEs that end in `verdict(row_id, rel_id, key, at, verdict)` for the roots that `filter` selects.
 * A small set of locked rows is probed key by key through the index of the holds; over a whole class
 * the holds are joined instead. `at` is what the caller wants to know of each root.
 */
function verdictCtes(
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

function decideStatement(model: StepModel, values: Values): string {
  return [
    `with ${verdictCtes(model, values, AT_ROWS, 'small')}`,
    `select (select array_agg(row_id order by rel_id, row_id) from verdict where verdict = 'destroy'),`,
    `       (select array_agg(rel_id order by rel_id, row_id) from verdict where verdict = 'destroy'),`,
    `       (select count(*) from verdict where verdict = 'held')::integer,`,
    `       (select count(*) from verdict where verdict = 'blocked')::integer,`,
    `       (select count(*) from verdict where verdict = 'changed')::integer,`,
    `       (select array_agg(key order by rel_id, row_id) from verdict where verdict = 'destroy')`,
  ].join('\n');
}

// ---------------------------------------------------------------------------------------------------
// Counting and listing, for the planner and for the completeness report.

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
