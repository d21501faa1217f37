/** An aggregate: lock the roots, lock their parts, decide on what is locked, then destroy bottom up. */
import type { Edge, PartNode } from './aggregate.ts';
import { AT_ROWS, column, joinDown, overwriteList, pairs, rootTest, Values } from './fragments.ts';
import { quoteIdentifier } from './identifier.ts';
import { rangeCursor } from './range-cursor.ts';
import { changingParts, type StepModel } from './step-model.ts';
import type { StepStatements } from './step-statements.ts';
import { verdictCtes } from './verdicts.ts';

type AggregateStatements = Omit<
  Extract<StepStatements, { flow: 'aggregate' }>,
  'steady' | 'partitioned'
>;

/** The statements of a step whose records have parts, owners to ask, or rows that block. */
export function aggregateStatements(model: StepModel): AggregateStatements {
  const values = new Values();
  const pick = model.source === 'range' ? pickRange(model, values) : pickPlanned(model);
  const decide = decideStatement(model, values);
  const root =
    model.action === 'delete'
      ? `delete from ${model.aggregate.root.sql} r where ${AT_ROWS}`
      : `update ${model.aggregate.root.sql} r set ${overwriteList(model, values)} where ${AT_ROWS}`;
  return {
    flow: 'aggregate',
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
    `       ${cursor.lastOf('range')},`,
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
