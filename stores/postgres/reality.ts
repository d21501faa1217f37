/**
 * Layer four of validating a schedule: does it fit the live database? Answers every problem at once,
 * and, when there is none, the rules in the form the statement builders need.
 */
import type { RecordClass, RetentionSchedule } from '../../domain/schedule.ts';
import { STAGE } from '../../domain/schedule.ts';
import type { Aggregate, Edge, RealityFinding } from './aggregate.ts';
import type { Catalogue, CatalogueTable } from './catalogue.ts';
import { matchRule, type Problem, type ResolvedRule, type ValueToCast } from './match-rule.ts';
import { resolveAggregate } from './resolve-aggregate.ts';
import type { DueTest, HoldScope, ScopedTable, StepModel } from './step-model.ts';
import { sourceOf } from './step-model.ts';

export interface ResolvedStore {
  readonly aggregates: ReadonlyMap<string, Aggregate>;
  readonly rules: ReadonlyMap<string, ResolvedRule>;
}

export interface Reality {
  readonly findings: readonly RealityFinding[];
  readonly values: readonly ValueToCast[];
  readonly store: ResolvedStore;
}

/** Matches all classes and rules of one store of the schedule with its catalogue. */
export function matchStore(
  schedule: RetentionSchedule,
  storeId: string,
  catalogue: Catalogue,
): Reality {
  const findings: RealityFinding[] = [];
  const values: ValueToCast[] = [];
  const problem: Problem = (path, code, message) =>
    findings.push({ path, severity: 'error', code, message });
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
  findings.push(...vanishingTriggers(rules), ...sharedParts(aggregates));
  return { findings, values, store: { aggregates, rules } };
}

/** A row with two owners goes with the first of them, though it still belongs to somebody who stays. */
function sharedParts(aggregates: ReadonlyMap<string, Aggregate>): RealityFinding[] {
  const owners = new Map<number, Set<string>>();
  return [...aggregates.values()].flatMap(({ recordClass, owned }) =>
    owned.flatMap(({ table, path }) => {
      const edge = path.at(-1);
      const known = owners.get(table.topOid) ?? new Set<string>();
      owners.set(table.topOid, known.add(edge?.constraint ?? ''));
      if (known.size < 2) return [];
      const [one, other] = [...known].slice(-2);
      return [
        {
          path: ['record_classes', recordClass.id, 'references'],
          severity: 'warning' as const,
          code: 'PART_SHARED',
          message: `${table.schema}.${table.name} is owned through ${one} and through ${other}: a row goes with whichever owner goes first, though the other stays; say blocking for one of them if that is not meant`,
        },
      ];
    }),
  );
}

/**
 * A part that carries the trigger of one rule and is destroyed under another takes the trigger along:
 * a record whose last part went that way never becomes due.
 */
function vanishingTriggers(rules: ReadonlyMap<string, ResolvedRule>): RealityFinding[] {
  return [...rules.values()].flatMap(({ rule, trigger }) => {
    const part = trigger.path.at(-1)?.child;
    const destroyers = [...rules.values()].filter(
      (other) => other.rule.then.kind === 'delete' && other.aggregate.root.topOid === part?.topOid,
    );
    return destroyers.map(({ rule: other }) => ({
      path: ['rules', rule.id, 'trigger', rule.trigger.kind],
      severity: 'warning' as const,
      code: 'TRIGGER_PART_DESTROYED',
      message: `rule ${other.id} destroys ${part?.schema}.${part?.name} by itself; a record whose last part goes that way has no trigger any more and stays`,
    }));
  });
}

/**
 * The step for one rule. `boundaryOf` answers, for a rule, the boundary in the text form of the trigger
 * column's type; it is the only thing in a step that depends on time.
 */
export function stepModel(
  store: ResolvedStore,
  resolved: ResolvedRule,
  boundaryOf: (rule: ResolvedRule) => string,
): StepModel {
  const dueOf = (rule: ResolvedRule): DueTest => ({
    trigger: {
      kind: rule.trigger.kind,
      path: rule.trigger.path,
      column: rule.trigger.column,
      boundary: boundaryOf(rule),
    },
    where: rule.where,
  });
  const due = dueOf(resolved);
  const stage = STAGE[resolved.rule.then.kind];
  const later = [...store.rules.values()].filter(
    (other) =>
      other.rule.appliesTo === resolved.rule.appliesTo && STAGE[other.rule.then.kind] > stage,
  );
  const laterStages = later.map(dueOf);
  const { aggregate } = resolved;
  return {
    aggregate,
    due,
    laterStages,
    action: resolved.rule.then.kind,
    overwrites: resolved.overwrites,
    scoped: scopedTables(store, aggregate),
    source: sourceOf(aggregate, due, laterStages),
  };
}

/** Root, owned and detached tables, each with every class through which a hold can reach its rows. */
export function scopedTables(store: ResolvedStore, aggregate: Aggregate): ScopedTable[] {
  const own = [
    { table: aggregate.root, path: [] as readonly Edge[] },
    ...aggregate.owned,
    ...aggregate.detached,
  ];
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
  return Object.entries(recordClass.subjects).flatMap(([kind, columns]) =>
    columns.map((column) => ({ kind, column })),
  );
}
