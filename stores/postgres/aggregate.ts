/**
 * A record class matched with the catalogue: its root table, the parts that go with it at any depth,
 * what is detached, what blocks, and through which classes a hold can reach each of those tables.
 */
import type { FreezeMode, RecordClass, ReferenceRole } from '../../domain/schedule.ts';
import type { CatalogueColumn, CatalogueTable } from './catalogue.ts';

/** One foreign key walked from the referenced table down to the referencing one. */
export interface Edge {
  readonly constraint: string;
  readonly parent: CatalogueTable;
  readonly parentColumns: readonly string[];
  readonly child: CatalogueTable;
  readonly childColumns: readonly string[];
}

/** A table reached from the root by a path of owned references, the last of which has `role`. */
export interface PartNode {
  readonly role: ReferenceRole;
  readonly path: readonly Edge[];
  readonly table: CatalogueTable;
  /** What a hold refuses to everybody on its rows; without meaning unless owned. */
  readonly freeze: FreezeMode;
}

export interface Aggregate {
  readonly recordClass: RecordClass;
  readonly root: CatalogueTable;
  readonly key: readonly CatalogueColumn[];
  /** Parents before their children. */
  readonly owned: readonly PartNode[];
  readonly detached: readonly PartNode[];
  readonly blocking: readonly PartNode[];
}

/** A problem between schedule and database, placed by the path of the key it concerns. */
export interface RealityFinding {
  readonly path: readonly (string | number)[];
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
}

export type Resolved<T> = { readonly value?: T; readonly findings: readonly RealityFinding[] };

/** Reports one problem at its place. */
export type Problem = (path: (string | number)[], code: string, message: string) => void;
/** The place of a key within the record class that is looked at. */
export type At = (...path: (string | number)[]) => (string | number)[];
