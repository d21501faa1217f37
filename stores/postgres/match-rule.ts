/** Layer four for one rule: trigger, conditions and overwritten columns held against the catalogue. */
import type { TimedRule } from '../../domain/schedule.ts';
import type { Aggregate, Edge, RealityFinding } from './aggregate.ts';
import type { CatalogueColumn, CatalogueTable } from './catalogue.ts';
import { quoteIdentifier } from './identifier.ts';
import type { Overwrite, ResolvedCondition } from './step-model.ts';

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

/** A text that must be readable as a type of the database; checked there by `castable`. */
export interface ValueToCast {
  readonly path: readonly (string | number)[];
  readonly value: string;
  readonly type: string;
}

export type Problem = (path: RealityFinding['path'], code: string, message: string) => void;

/** Matches one rule with the aggregate it applies to; `undefined` when it has no usable trigger. */
export function matchRule(
  rule: TimedRule,
  aggregate: Aggregate,
  problem: Problem,
  values: ValueToCast[],
): ResolvedRule | undefined {
  const trigger = matchTrigger(rule, aggregate, problem);
  const where: ResolvedCondition[] = [];
  for (const condition of rule.where) {
    const path = ['rules', rule.id, 'where', condition.column];
    const column = aggregate.root.columns.get(condition.column);
    if (!column) {
      problem(
        path,
        'COLUMN_UNKNOWN',
        `${nameOf(aggregate.root)} has no column ${condition.column}`,
      );
      continue;
    }
    if (!column.standard) {
      problem(
        path,
        'WHERE_TYPE',
        `${nameOf(aggregate.root)}.${column.name} has type ${column.type}, which compares in a way of its own; conditions need a built-in type, an enum or a domain`,
      );
    }
    where.push({ condition, column });
    const literals =
      condition.op === 'in'
        ? condition.values
        : condition.op === 'equals' || condition.op === 'not'
          ? [condition.value]
          : [];
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

function matchTrigger(
  rule: TimedRule,
  aggregate: Aggregate,
  problem: Problem,
): OpenTrigger | undefined {
  const { trigger } = rule;
  const where = ['rules', rule.id, 'trigger', trigger.kind];
  const place = triggerTable(rule, aggregate, problem);
  if (!place) return undefined;
  const { table, path } = place;
  const column = table.columns.get(trigger.column);
  if (!column) {
    problem(where, 'COLUMN_UNKNOWN', `${nameOf(table)} has no column ${trigger.column}`);
    return undefined;
  }
  const name = `${nameOf(table)}.${trigger.column}`;
  const kind = TRIGGER_TYPES[column.type];
  if (!kind) {
    problem(
      where,
      'TRIGGER_TYPE',
      `${name} has type ${column.type}; a trigger is a date or a timestamp`,
    );
    return undefined;
  }
  checkZone(rule, kind, `${name} is ${column.type}`, problem);
  checkTriggerIndex(table, trigger.column, where, problem);
  const zone = trigger.zone === undefined ? {} : { zone: trigger.zone };
  return { kind: trigger.kind, path, column, ...zone };
}

function triggerTable(
  { id, trigger }: TimedRule,
  aggregate: Aggregate,
  problem: Problem,
): { table: CatalogueTable; path: readonly Edge[] } | undefined {
  if (trigger.kind === 'column') return { table: aggregate.root, path: [] };
  const [part, ...others] = aggregate.owned.filter(
    ({ table }) => trigger.part === table.name || trigger.part === `${table.schema}.${table.name}`,
  );
  const where = ['rules', id, 'trigger', trigger.kind];
  if (!part) {
    const message = `${trigger.part} is not an owned part of ${aggregate.recordClass.id}`;
    problem(where, 'TRIGGER_PART_UNKNOWN', message);
    return undefined;
  }
  if (others.length > 0) {
    const message = `several owned references lead to ${trigger.part}`;
    problem(where, 'TRIGGER_PART_AMBIGUOUS', message);
    return undefined;
  }
  return part;
}

function checkZone(
  { id, trigger }: TimedRule,
  kind: 'zoned' | 'local',
  what: string,
  problem: Problem,
): void {
  if (kind === 'local' && trigger.zone === undefined) {
    problem(
      ['rules', id, 'trigger'],
      'TRIGGER_ZONE_MISSING',
      `${what}; say in which zone it was written, e.g. zone: Europe/London`,
    );
  }
  if (kind === 'zoned' && trigger.zone !== undefined) {
    problem(
      ['rules', id, 'trigger', 'zone'],
      'TRIGGER_ZONE_REFUSED',
      `${what}: its days are those of the organisation's zone`,
    );
  }
}

function checkTriggerIndex(
  table: CatalogueTable,
  column: string,
  where: RealityFinding['path'],
  problem: Problem,
): void {
  if (table.indexes.some((index) => index.usable && index.columns[0] === column)) return;
  const concurrently = table.kind === 'partitioned' ? '' : 'CONCURRENTLY ';
  problem(
    where,
    'INDEX_MISSING',
    `no index of ${nameOf(table)} begins with ${column}, so finding what is due would read the whole table; run: CREATE INDEX ${concurrently}ON ${table.sql} (${quoteIdentifier(column)});`,
  );
}

function matchOverwrites(
  rule: TimedRule,
  aggregate: Aggregate,
  problem: Problem,
  values: ValueToCast[],
): Overwrite[] {
  const { then } = rule;
  const overwrites: Overwrite[] = [];
  const blank = (column: CatalogueColumn, path: RealityFinding['path']) => {
    if (column.notNull) {
      problem(
        path,
        'COLUMN_NOT_NULLABLE',
        `${nameOf(aggregate.root)}.${column.name} cannot be null; keep it, or anonymise it with a constant`,
      );
    }
    overwrites.push({ column, constant: null });
  };
  const known = (name: string, path: RealityFinding['path']) => {
    const column = aggregate.root.columns.get(name);
    if (!column) problem(path, 'COLUMN_UNKNOWN', `${nameOf(aggregate.root)} has no column ${name}`);
    else if (column.computed)
      problem(
        path,
        'COLUMN_COMPUTED',
        `${nameOf(aggregate.root)}.${name} is generated and cannot be set`,
      );
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
