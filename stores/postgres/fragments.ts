/**
 * Pieces of SQL shared by the statements that count, pick, decide and destroy. Pure text: identifiers
 * come from the catalogue and are quoted, values go through `Values` and are bound.
 *
 * Parameters of every statement, bound by retain_guard.dispose_batch (and by the planner where it
 * counts): $1 lane cursor or root rows, $2 lane end or root relations, $3 limit, $4 run, $5 step,
 * $6 hold version of the plan, $7 age of the snapshot mark, $8 values.
 */
import type { Edge } from './aggregate.ts';
import type { CatalogueColumn } from './catalogue.ts';
import { quoteIdentifier, quoteLiteral } from './identifier.ts';
import type { DueTest, HoldScope, ResolvedCondition, StepModel } from './step-model.ts';

/** Values bound as one text array ($8); `add` answers the expression that reads the new one. */
export class Values {
  readonly list: string[];
  readonly #once: boolean;

  constructor(list: string[] = [], once = false) {
    this.list = list;
    this.#once = once;
  }

  add(value: string, type: string): string {
    const known = this.list.indexOf(value);
    const position = known >= 0 ? known + 1 : this.list.push(value);
    const read = `($8[${position}])::${type}`;
    return this.#once ? `(select ${read})` : read;
  }

  /**
   * The same list, read through sub-selects: for tests that no index can use. There the cast, which for
   * dates is not constant to PostgreSQL, would be carried out for every row.
   */
  once(): Values {
    return new Values(this.list, true);
  }
}

export function column(alias: string, name: string): string {
  return `${alias}.${quoteIdentifier(name)}`;
}

/**
 * True for a row version written at or after the plan's snapshot mark. `age(xmin)` counts back from
 * this transaction; the lower bound lets versions in that were committed while the statement ran, whose
 * age is negative, and keeps versions out that were frozen so long ago that their number wrapped.
 */
export function young(alias: string): string {
  return `(age(${alias}.xmin) between -16777216 and $7)`;
}

/** One text that names a record within its class: the value itself, or length-framed columns. */
export function keyText(alias: string, key: readonly CatalogueColumn[]): string {
  const texts = key.map((part) => `${column(alias, part.name)}::text`);
  if (texts.length === 1) return texts[0] ?? '';
  return texts.map((text) => `octet_length(${text}) || ':' || ${text}`).join(' || ');
}

/** The same text, made from values in hand. MUST agree with `keyText`. */
export function keyTextOf(values: readonly string[]): string {
  if (values.length === 1) return values[0] ?? '';
  return values.map((value) => `${Buffer.byteLength(value, 'utf8')}:${value}`).join('');
}

/** Joins downwards along `path`, starting at `from`; answers the joins and the last alias. */
export function joinDown(
  from: string,
  path: readonly Edge[],
  prefix: string,
): { sql: string; alias: string } {
  let alias = from;
  const joins = path.map((edge, index) => {
    const parent = alias;
    alias = `${prefix}${index + 1}`;
    return `join ${edge.child.sql} ${alias} on ${pairs(alias, edge.childColumns, parent, edge.parentColumns)}`;
  });
  return { sql: joins.join(' '), alias };
}

/** Joins upwards: `path` is written root first, so it is walked from its end. */
export function joinUp(
  from: string,
  path: readonly Edge[],
  prefix: string,
): { sql: string; alias: string } {
  let alias = from;
  const joins = [...path].reverse().map((edge, index) => {
    const child = alias;
    alias = `${prefix}${index + 1}`;
    return `join ${edge.parent.sql} ${alias} on ${pairs(child, edge.childColumns, alias, edge.parentColumns)}`;
  });
  return { sql: joins.join(' '), alias };
}

export function pairs(
  left: string,
  leftColumns: readonly string[],
  right: string,
  rightColumns: readonly string[],
): string {
  return leftColumns
    .map((name, index) => `${column(left, name)} = ${column(right, rightColumns[index] ?? '')}`)
    .join(' and ');
}

/** `exists (…)` over the end of a path below `root`; `test` sees the last alias. */
export function existsBelow(
  path: readonly Edge[],
  prefix: string,
  test: (alias: string) => string,
): string {
  const [first, ...rest] = path;
  if (!first) return 'false';
  const top = `${prefix}0`;
  const down = joinDown(top, rest, prefix);
  const condition = test(down.alias);
  return `exists (select 1 from ${first.child.sql} ${top} ${down.sql} where ${pairs(top, first.childColumns, 'r', first.parentColumns)}${condition ? ` and ${condition}` : ''})`;
}

/** True for a record that the rule makes due; false or null otherwise. */
export function dueTest(due: DueTest, values: Values, prefix: string): string {
  const tests = due.where.map((where) => conditionTest(where, values));
  return [triggerTest(due, values, prefix), ...tests].join(' and ');
}

function triggerTest({ trigger }: DueTest, values: Values, prefix: string): string {
  const boundary = values.add(trigger.boundary, trigger.column.type);
  const past = (alias: string) => {
    const event = column(alias, trigger.column.name);
    return `${event} < ${boundary} and isfinite(${event})`;
  };
  const event = (alias: string) => column(alias, trigger.column.name);
  switch (trigger.kind) {
    case 'column':
      return past('r');
    case 'latest':
      return `${existsBelow(trigger.path, `${prefix}a`, past)} and not ${existsBelow(trigger.path, `${prefix}b`, (alias) => `(${event(alias)} is null or ${event(alias)} >= ${boundary} or not isfinite(${event(alias)}))`)}`;
    case 'earliest':
      return `${existsBelow(trigger.path, `${prefix}a`, past)} and not ${existsBelow(trigger.path, `${prefix}b`, (alias) => `(${event(alias)} is null or not isfinite(${event(alias)}))`)}`;
  }
}

/** True for a record that satisfies the rule's `where`; `true` when it has none. */
export function whereTest(where: readonly ResolvedCondition[], values: Values): string {
  return where.length === 0 ? 'true' : where.map((one) => conditionTest(one, values)).join(' and ');
}

function conditionTest({ condition, column: info }: ResolvedCondition, values: Values): string {
  const left = column('r', info.name);
  switch (condition.op) {
    case 'equals':
      return `${left} = ${values.add(String(condition.value), info.type)}`;
    case 'not':
      // A null is neither; what is not known to differ stays.
      return `${left} <> ${values.add(String(condition.value), info.type)}`;
    case 'in':
      return `${left} in (${condition.values.map((value) => values.add(String(value), info.type)).join(', ')})`;
    case 'is_null':
      return `${left} is null`;
    case 'is_not_null':
      return `${left} is not null`;
  }
}

/** True for a record on which the step still has something to do; `true` for a deletion. */
export function unfinished(model: StepModel, values: Values): string | undefined {
  if (model.action === 'delete') return undefined;
  const differs = model.overwrites.map(({ column: info, constant }) =>
    constant === null
      ? `${column('r', info.name)} is not null`
      : `${column('r', info.name)} is distinct from ${values.add(constant, info.type)}`,
  );
  const parts = model.aggregate.owned
    .filter((part) => part.path.length === 1)
    .map((part, index) => existsBelow(part.path, `u${index}_`, () => ''));
  const attached = model.aggregate.detached
    .filter((part) => part.path.length === 1)
    .map((part, index) => existsBelow(part.path, `v${index}_`, () => ''));
  return `(${[...differs, ...parts, ...attached].join(' or ')})`;
}

/** Everything about the root that must hold for it to be picked: due, not of a later stage, not done. */
export function rootTest(model: StepModel, values: Values): string {
  const later = model.laterStages.map(
    (due, index) => `not coalesce(${dueTest(due, values, `l${index}`)}, false)`,
  );
  const open = unfinished(model, values);
  return [dueTest(model.due, values, 'd'), ...later, ...(open ? [open] : [])].join(' and ');
}

const ACTIVE = '(h.released_version is null or h.released_version > $6)';

/** How the records of a scope and the held keys of its class are compared. */
export interface HeldBy {
  /** Column of `retain_guard.hold_key`. */
  readonly column: 'key_text' | 'key_number';
  /** The same of a record. */
  readonly of: (alias: string) => string;
}

const WHOLE_NUMBERS = new Set(['smallint', 'integer', 'bigint']);

/**
 * Whole numbers are compared as such: probing 100,000 held keys for 5,000 records then costs a tenth of
 * what it costs with texts. Both columns give the same answer.
 */
export function heldBy({ key }: HoldScope): HeldBy {
  const [only, ...more] = key;
  if (only && more.length === 0 && WHOLE_NUMBERS.has(only.type)) {
    return { column: 'key_number', of: (alias) => `${column(alias, only.name)}::bigint` };
  }
  return { column: 'key_text', of: (alias) => keyText(alias, key) };
}

/** A column of a CTE in the same statement. */
export interface ColumnOf {
  readonly cte: string;
  readonly column: string;
}

/**
 * ` and column = any (…)`, read from a CTE once for the whole statement: in the order of the index,
 * so that the array is not sorted a second time with the slower comparator of a scan key, and not at
 * all when there is nothing to find.
 */
function among(of: ColumnOf, column: string, any: string, collation = ''): string {
  const sorted = `array(select ${of.column} from ${of.cte} order by ${of.column}${collation})`;
  return ` and ${column} = any (case when (${any}) is not null then ${sorted} end)`;
}

const C = ' collate "C"';

/**
 * Keys of the scope's class under hold. A hold released after the plan still counts: a release frees
 * records for a later plan only.
 */
export function heldKeys(scope: HoldScope): string {
  return heldKeysWhere(scope, 'key_text', '');
}

/** Those of them that are in a column of a CTE, made with `heldBy`. */
export function heldKeysAmong(scope: HoldScope, of: ColumnOf): string {
  const { column } = heldBy(scope);
  const any = `select min(${column}) from retain_guard.hold_key where ${ofClass(scope)}`;
  const test = among(of, `k.${column}`, any, column === 'key_text' ? C : '');
  return heldKeysWhere(scope, column, test);
}

function heldKeysWhere(scope: HoldScope, column: HeldBy['column'], test: string): string {
  const notNull = column === 'key_number' ? ' and k.key_number is not null' : '';
  return `select k.${column} from retain_guard.hold_key k join retain_guard.hold h using (hold_no) where k.${ofClass(scope)}${test}${notNull} and ${ACTIVE}`;
}

function ofClass(scope: HoldScope): string {
  return `record_class = ${quoteLiteral(scope.recordClass)}`;
}

/** Subjects of one kind under hold; only those in a text column of a CTE when one is given. */
export function heldSubjects(kind: string, of?: ColumnOf): string {
  const ofKind = `subject_kind = ${quoteLiteral(kind)}`;
  const any = `select min(subject) from retain_guard.hold_subject where ${ofKind}`;
  const test = of ? among(of, 's.subject', any, C) : '';
  return `select s.subject from retain_guard.hold_subject s join retain_guard.hold h using (hold_no) where s.${ofKind}${test} and ${ACTIVE}`;
}

/** Key of a record as text: a plain text for one column, an array for several. */
export function keyTuple(alias: string, model: StepModel): string {
  const texts = model.aggregate.key.map((part) => `${column(alias, part.name)}::text`);
  return texts.length === 1 ? (texts[0] ?? '') : `array[${texts.join(', ')}]`;
}

/** The `set` list of a step that blanks columns. */
export function overwriteList(model: StepModel, values: Values): string {
  return model.overwrites
    .map(
      ({ column: info, constant }) =>
        `${quoteIdentifier(info.name)} = ${constant === null ? 'null' : values.add(constant, info.type)}`,
    )
    .join(', ');
}

/** The rows a batch has locked: $1 their places, $2 their tables. */
export const AT_ROWS =
  'r.ctid = any ($1) and (r.tableoid, r.ctid) in (select * from unnest($2, $1))';
