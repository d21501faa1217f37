/**
 * Layer four of validating a schedule: does it fit the live database? Answers every problem at once,
 * and, when there is none, the rules in the form the statement builders need.
 */
import type { RecordClass, RetentionSchedule, TimedRule } from '../../domain/schedule.ts';
import { STAGE } from '../../domain/schedule.ts';
import { type Aggregate, type Edge, type RealityFinding, resolveAggregate } from './aggregate.ts';
import type { Catalogue, CatalogueColumn, CatalogueTable } from './catalogue.ts';
import { quoteIdentifier } from './identifier.ts';
import type { DueTest, HoldScope, Overwrite, ResolvedCondition, ScopedTable, StepModel } from './step-model.ts';
import { sourceOf } from './step-model.ts';

/** A trigger matched with the database, still without the boundary, which depends on the as-of instant. */
export interface OpenTrigger {
  readonly kind: 'column' | 'latest' | 'earliest';
  readonly path: readonly Edge[];
  readonly column: CatalogueColumn;
  readonly zone?: string;
}

export interface ResolvedRule {
  readonly rule: TimedRule;
  readonly aggregate: Aggregate;
  readonly trigger: OpenTrigger;
  readonly where: readonly ResolvedCondition[];
  readonly overwrites: readonly Overwrite[];
}

export interface ResolvedStore {
  readonly aggregates: ReadonlyMap<string, Aggregate>;
  readonly rules: ReadonlyMap<string, ResolvedRule>;
}

/** A text that must be readable as a type of the database; checked there by `castable`. */
export interface ValueToCast {
  readonly path: readonly (string | number)[];
  readonly value: string;
  readonly type: string;
}

export interface Reality {
  readonly findings: readonly RealityFinding[];
  readonly values: readonly ValueToCast[];
  readonly store: ResolvedStore;
}

type Problem = (path: (string | number)[], code: string, message: string) => void;

/** Matches all classes and rules of one store of the schedule with its catalogue. */
export function matchStore(schedule: RetentionSchedule, storeId: string, catalogue: Catalogue): Reality {
  const findings: RealityFinding[] = [];
  const values: ValueToCast[] = [];
  const problem: Problem = (path, code, message) => findings.push({ path, severity: 'error', code, message });
  const aggregates = new Map<string, Aggregate>();
  for (const recordClass of Object.values(schedule.recordClasses)) {
    if (recordClass.store !== storeId) continue;
    const resolved = resolveAggregate(recordClass, catalogue);
    findings.push(...resolved.findings);
    if (resolved.value) aggregates.set(recordClass.id, resolved.value);
  }
  const rules = new Map<string, ResolvedRule>();
  for (const rule of Object.values(schedule.rules)) {
    const aggregate = aggregates.get(rule.appliesTo);
    if (rule.kind !== 'timed' || !aggregate) continue;
    const resolved = matchRule(rule, aggregate, problem, values);
    if (resolved) rules.set(rule.id, resolved);
  }
  return { findings, values, store: { aggregates, rules } };
}

function matchRule(rule: TimedRule, aggregate: Aggregate, problem: Problem, values: ValueToCast[]): ResolvedRule | undefined {
  const trigger = matchTrigger(rule, aggregate, problem);
  const where: ResolvedCondition[] = [];
  for (const condition of rule.where) {
    const path = ['rules', rule.id, 'where', condition.column];
    const column = aggregate.root.columns.get(condition.column);
    if (!column) {
      problem(path, 'COLUMN_UNKNOWN', `${nameOf(aggregate.root)} has no column ${condition.column}`);
      continue;
    }
    where.push({ condition, column });
    const literals = condition.op === 'in' ? condition.values : condition.op === 'equals' || condition.op === 'not' ? [condition.value] : [];
    for (const value of literals) values.push({ path, value: String(value), type: column.type });
  }
  const overwrites = matchOverwrites(rule, aggregate, problem, values);
  return trigger && { rule, aggregate, trigger, where, overwrites };
}

const TRIGGER_TYPES: Readonly<Record<string, 'zoned' | 'local'>> = {
  date: 'zoned',
  'timestamp with time zone': 'zoned',
  'timestamp without time zone': 'local',
};

function matchTrigger(rule: TimedRule, aggregate: Aggregate, problem: Problem): OpenTrigger | undefined {
  const { trigger } = rule;
  const where = ['rules', rule.id, 'trigger', trigger.kind];
  let table: CatalogueTable = aggregate.root;
  let path: readonly Edge[] = [];
  if (trigger.kind !== 'column') {
    const parts = aggregate.owned.filter(({ table: part }) => trigger.part === part.name || trigger.part === `${part.schema}.${part.name}`);
    const [part] = parts;
    if (!part || parts.length > 1) {
      problem(where, part ? 'TRIGGER_PART_AMBIGUOUS' : 'TRIGGER_PART_UNKNOWN', part ? `several owned references lead to ${trigger.part}` : `${trigger.part} is not an owned part of ${aggregate.recordClass.id}`);
      return undefined;
    }
    table = part.table;
    path = part.path;
  }
  const column = table.columns.get(trigger.column);
  const kind = column && TRIGGER_TYPES[column.type];
  if (!column) {
    problem(where, 'COLUMN_UNKNOWN', `${nameOf(table)} has no column ${trigger.column}`);
    return undefined;
  }
  if (!kind) {
    problem(where, 'TRIGGER_TYPE', `${nameOf(table)}.${trigger.column} has type ${column.type}; a trigger is a date or a timestamp`);
    return undefined;
  }
  if (kind === 'local' && trigger.zone === undefined) {
    problem(['rules', rule.id, 'trigger'], 'TRIGGER_ZONE_MISSING', `${nameOf(table)}.${trigger.column} has no time zone of its own; say in which zone it was written, e.g. zone: Europe/London`);
  }
  if (kind === 'zoned' && trigger.zone !== undefined) {
    problem(['rules', rule.id, 'trigger', 'zone'], 'TRIGGER_ZONE_REFUSED', `${nameOf(table)}.${trigger.column} is ${column.type}: its days are those of the organisation's zone`);
  }
  if (!table.indexes.some((index) => index.usable && index.columns[0] === trigger.column)) {
    const concurrently = table.kind === 'partitioned' ? '' : 'CONCURRENTLY ';
    problem(where, 'INDEX_MISSING', `no index of ${nameOf(table)} begins with ${trigger.column}, so finding what is due would read the whole table; run: CREATE INDEX ${concurrently}ON ${table.sql} (${quoteIdentifier(trigger.column)});`);
  }
  return { kind: trigger.kind, path, column, ...(trigger.zone === undefined ? {} : { zone: trigger.zone }) };
}

function matchOverwrites(rule: TimedRule, aggregate: Aggregate, problem: Problem, values: ValueToCast[]): Overwrite[] {
  const { then } = rule;
  const overwrites: Overwrite[] = [];
  const blank = (column: CatalogueColumn, path: (string | number)[]) => {
    if (column.notNull) {
      problem(path, 'COLUMN_NOT_NULLABLE', `${nameOf(aggregate.root)}.${column.name} cannot be null; keep it, or anonymise it with a constant`);
    }
    overwrites.push({ column, constant: null });
  };
  const known = (name: string, path: (string | number)[]) => {
    const column = aggregate.root.columns.get(name);
    if (!column) problem(path, 'COLUMN_UNKNOWN', `${nameOf(aggregate.root)} has no column ${name}`);
    else if (column.computed) problem(path, 'COLUMN_COMPUTED', `${nameOf(aggregate.root)}.${name} is generated and cannot be set`);
    return column;
  };
  if (then.kind === 'reduce') {
    for (const [index, name] of then.to.entries()) known(name, ['rules', rule.id, 'to', index]);
    const kept = new Set([...then.to, ...aggregate.recordClass.key]);
    for (const column of aggregate.root.columns.values()) {
      if (!kept.has(column.name) && !column.computed) blank(column, ['rules', rule.id, 'to']);
    }
  }
  if (then.kind === 'anonymise') {
    for (const [name, how] of Object.entries(then.columns)) {
      const path = ['rules', rule.id, 'columns', name];
      const column = known(name, path);
      if (!column) continue;
      if (how === 'null') {
        blank(column, path);
      } else {
        values.push({ path, value: String(how.constant), type: column.type });
        overwrites.push({ column, constant: String(how.constant) });
      }
    }
  }
  return overwrites;
}

function nameOf(table: CatalogueTable): string {
  return `${table.schema}.${table.name}`;
}

/**
 * The step for one rule. `boundaryOf` answers, for a rule, the boundary in the text form of the trigger
 * column's type; it is the only thing in a step that depends on time.
 */
export function stepModel(store: ResolvedStore, resolved: ResolvedRule, boundaryOf: (rule: ResolvedRule) => string): StepModel {
  const dueOf = (rule: ResolvedRule): DueTest => ({
    trigger: { kind: rule.trigger.kind, path: rule.trigger.path, column: rule.trigger.column, boundary: boundaryOf(rule) },
    where: rule.where,
  });
  const due = dueOf(resolved);
  const stage = STAGE[resolved.rule.then.kind];
  const later = [...store.rules.values()].filter(
    (other) => other.rule.appliesTo === resolved.rule.appliesTo && STAGE[other.rule.then.kind] > stage,
  );
  const { aggregate } = resolved;
  return {
    aggregate,
    due,
    laterStages: later.map(dueOf),
    action: resolved.rule.then.kind,
    overwrites: resolved.overwrites,
    scoped: scopedTables(store, aggregate),
    source: sourceOf(aggregate, due),
  };
}

/** Root, owned and detached tables, each with every class through which a hold can reach its rows. */
export function scopedTables(store: ResolvedStore, aggregate: Aggregate): ScopedTable[] {
  const own = [{ table: aggregate.root, path: [] as readonly Edge[] }, ...aggregate.owned, ...aggregate.detached];
  return own.map(({ table, path }) => ({ table, path, scopes: holdScopes(store, table) }));
}

function holdScopes(store: ResolvedStore, table: CatalogueTable): HoldScope[] {
  return [...store.aggregates.values()].flatMap((aggregate) => {
    const places = [{ table: aggregate.root, path: [] as readonly Edge[] }, ...aggregate.owned];
    return places
      .filter((place) => place.table.topOid === table.topOid)
      .map((place) => ({
        recordClass: aggregate.recordClass.id,
        up: place.path,
        key: aggregate.key,
        subjects: subjectsOf(aggregate.recordClass),
      }));
  });
}

function subjectsOf(recordClass: RecordClass): { kind: string; column: string }[] {
  return Object.entries(recordClass.subjects).flatMap(([kind, columns]) => columns.map((column) => ({ kind, column })));
}
