/**
 * One rule, matched with the database, in the form the statement builders need: no names left to look
 * up, no choices left to make.
 */
import type { Condition, Disposition } from '../../domain/schedule.ts';
import type { Aggregate, Edge, PartNode } from './aggregate.ts';
import type { CatalogueColumn, CatalogueTable } from './catalogue.ts';

/** `range`: the snapshot mark pins the planned set down. `planned`: it is kept as a list of keys. */
export type StepSource = 'range' | 'planned';

export interface ResolvedTrigger {
  readonly kind: 'column' | 'latest' | 'earliest';
  /** Empty for a column of the root. */
  readonly path: readonly Edge[];
  readonly column: CatalogueColumn;
  /** Boundary in the text form of the column's type; due means strictly before. */
  readonly boundary: string;
}

export interface ResolvedCondition {
  readonly condition: Condition;
  readonly column: CatalogueColumn;
}

/** What makes a record due under one rule. */
export interface DueTest {
  readonly trigger: ResolvedTrigger;
  readonly where: readonly ResolvedCondition[];
}

/** A class through which a hold reaches a table: walk `up` from the table to the class's root. */
export interface HoldScope {
  readonly recordClass: string;
  readonly up: readonly Edge[];
  readonly key: readonly CatalogueColumn[];
  readonly subjects: readonly { readonly kind: string; readonly column: string }[];
}

/** A table of the step with every way in which a hold can cover its rows. `path` leads down from the root. */
export interface ScopedTable {
  readonly table: CatalogueTable;
  readonly path: readonly Edge[];
  readonly scopes: readonly HoldScope[];
}

/** A column to overwrite: with null, or with a constant given as text. */
export interface Overwrite {
  readonly column: CatalogueColumn;
  readonly constant: string | null;
}

export interface StepModel {
  readonly aggregate: Aggregate;
  readonly due: DueTest;
  /** Rules of later stages on the same class: what they make due is theirs. */
  readonly laterStages: readonly DueTest[];
  readonly action: Disposition['kind'];
  /** Empty for `delete`. */
  readonly overwrites: readonly Overwrite[];
  readonly scoped: readonly ScopedTable[];
  readonly source: StepSource;
}

/**
 * A step is simple when nothing but the root row itself decides and goes: then one statement picks,
 * checks and destroys. Everything else locks the aggregate first and decides afterwards.
 */
export function isSimple(model: StepModel): boolean {
  const { owned, detached, blocking } = model.aggregate;
  const onlyRoot = owned.length + detached.length + blocking.length === 0;
  const scopesInRoot = model.scoped.every((table) =>
    table.scopes.every((scope) => scope.up.length === 0),
  );
  return model.source === 'range' && onlyRoot && scopesInRoot;
}

/**
 * The snapshot mark sees rows that were written, not rows that were deleted. Where the deletion of
 * another row can make a record due (the last open contract, the complaint that blocked), the planned
 * keys are listed instead.
 */
export function sourceOf(
  aggregate: Aggregate,
  due: DueTest,
  laterStages: readonly DueTest[],
): StepSource {
  // A later stage that stops being due would hand its records to this one.
  const ownRowDecides = [due, ...laterStages].every(({ trigger }) => trigger.kind === 'column');
  return ownRowDecides && aggregate.blocking.length === 0 ? 'range' : 'planned';
}

/** Tables of other classes that are read on the way from a row to a record that a hold could name. */
export function tablesHoldsPass(model: StepModel): readonly CatalogueTable[] {
  return model.scoped.flatMap(({ scopes }) =>
    scopes.flatMap(({ up }) => up.map((edge) => edge.parent)),
  );
}

export function changingParts(aggregate: Aggregate): readonly PartNode[] {
  return [...aggregate.owned, ...aggregate.detached];
}
