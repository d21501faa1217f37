/** Where a governed table stands in the aggregates of a store, and what a hold refuses on it. */
import type { FreezeMode } from '../../domain/schedule.ts';
import type { Aggregate, Edge } from './aggregate.ts';
import type { CatalogueTable } from './catalogue.ts';
import type { ResolvedStore } from './reality.ts';

/** A way from the root of an aggregate down to the table. */
export interface Place {
  readonly aggregate: Aggregate;
  readonly table: CatalogueTable;
  readonly path: readonly Edge[];
  readonly mode: FreezeMode;
}

const STRICTNESS: readonly FreezeMode[] = ['refuse', 'refuse-delete-only', 'off'];

/** Every governed table, `schema.table` for people, with what a hold refuses on it. */
export function freezeModes(
  store: ResolvedStore,
): { readonly table: string; readonly freeze: FreezeMode }[] {
  return [...placesByTable(store).values()].map((places) => ({
    table: `${places[0]?.table.schema}.${places[0]?.table.name}`,
    freeze: strictest(places),
  }));
}

/** The places of every governed table, by its topmost partitioned table. */
export function placesByTable(store: ResolvedStore): Map<number, Place[]> {
  const byTable = new Map<number, Place[]>();
  for (const place of [...store.aggregates.values()].flatMap(placesOf)) {
    const places = byTable.get(place.table.topOid) ?? [];
    byTable.set(place.table.topOid, [...places, place]);
  }
  return byTable;
}

/** A table that any class wants frozen is: fail closed. */
export function strictest(places: readonly Place[]): FreezeMode {
  const modes: readonly FreezeMode[] = places.map(({ mode }) => mode);
  return STRICTNESS.find((mode) => modes.includes(mode)) ?? 'refuse';
}

/** Root and owned parts. */
export function placesOf(aggregate: Aggregate): Place[] {
  const { root, recordClass, owned } = aggregate;
  return [
    { aggregate, table: root, path: [], mode: recordClass.freeze },
    ...owned.map(({ table, path, freeze }) => ({ aggregate, table, path, mode: freeze })),
  ];
}
