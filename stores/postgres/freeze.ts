/**
 * The freeze: triggers through which a hold stands against everybody, not only against Retain's own
 * batches. Pure text, generated from the schedule as it was matched with the database; what it guarantees and
 * why is in docs/design/holds.md.
 */
import { createHash } from 'node:crypto';
import type { FreezeMode } from '../../domain/schedule.ts';
import type { CatalogueTable } from './catalogue.ts';
import { functionBody, probesOf } from './freeze-function.ts';
import { type Place, placesByTable, strictest } from './freeze-places.ts';
import { quoteLiteral } from './identifier.ts';
import type { ResolvedStore } from './reality.ts';

/** One governed table: a root or an owned part of some class. Partitions go with their topmost table. */
export interface FrozenTable {
  readonly table: CatalogueTable;
  /** The strictest that any class says of it; never `off`. */
  readonly mode: Exclude<FreezeMode, 'off'>;
  /** Trigger function in `retain_guard`. */
  readonly functionName: string;
  /** Its settings, as `pg_proc.proconfig` has them. */
  readonly settings: readonly string[];
  readonly body: string;
  /** What a hold can name to reach it: `class line`, `subject person`. */
  readonly reaches: readonly string[];
}

export const FREEZE_EVENTS: Readonly<Record<FrozenTable['mode'], readonly string[]>> = {
  refuse: ['UPDATE', 'DELETE', 'TRUNCATE'],
  'refuse-delete-only': ['DELETE', 'TRUNCATE'],
};

// Rows are probed one by one through indexes, whatever the statistics were when the session planned: a scan
// of all holds per statement is what 100,000 of them must not cost.
const SETTINGS = [
  'search_path=pg_catalog, pg_temp',
  'row_security=off',
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'jit=off',
];
// As in dispose_batch: holds know such keys in this text form.
const TEXT_SETTINGS = ['DateStyle=ISO, YMD', 'TimeZone=UTC', 'bytea_output=hex'];
const TEXT_DEPENDS = /^(date|timestamp with(out)? time zone|bytea)$/;

/** Every table of the store that a hold freezes, by name. */
export function frozenTables(store: ResolvedStore): FrozenTable[] {
  return [...placesByTable(store).values()]
    .flatMap((places) => frozenTable(store, places))
    .sort((a, b) => (a.table.sql < b.table.sql ? -1 : 1));
}

function frozenTable(store: ResolvedStore, places: readonly Place[]): FrozenTable[] {
  const [first] = [...places].sort((a, b) => (a.table.sql < b.table.sql ? -1 : 1));
  const mode = strictest(places);
  if (!first || mode === 'off') return [];
  const probes = [...new Map(places.flatMap((place) => probesOf(store, place))).values()];
  const reaches = [...new Set(probes.map(({ reach }) => reach))].sort();
  const dependsOnText = probes.some(({ types }) => types.some((type) => TEXT_DEPENDS.test(type)));
  return [
    {
      table: first.table,
      mode,
      functionName: `frozen_${createHash('sha256').update(first.table.sql).digest('hex').slice(0, 16)}`,
      settings: dependsOnText ? [...SETTINGS, ...TEXT_SETTINGS] : SETTINGS,
      body: functionBody(probes, reaches),
      reaches,
    },
  ];
}

/** The statements that bring a database's freeze to this state: functions first, then what fires them. */
export function freezeStatements(tables: readonly FrozenTable[]): string[] {
  return [
    'set local role retain_guard_owner',
    ...tables.flatMap(({ functionName, settings, body }) => [
      `create or replace function retain_guard.${functionName}() returns trigger language plpgsql security definer ${settings.map(setting).join(' ')} as ${quoteLiteral(body)}`,
      // Whoever could fire it from a table of his own could ask which keys are held.
      `revoke all on function retain_guard.${functionName}() from public`,
    ]),
    'reset role',
    `select retain_guard.install_freeze(${quoteLiteral(JSON.stringify(wantedFreeze(tables)))}::jsonb)`,
  ];
}

function setting(entry: string): string {
  const [name = '', value = ''] = entry.split('=');
  return `set ${name} = ${name === 'search_path' ? value : quoteLiteral(value)}`;
}

/** What `install_freeze` and the store check are told of each table. */
export function wantedFreeze(
  tables: readonly FrozenTable[],
): { table: string; function: string; events: readonly string[]; reaches: readonly string[] }[] {
  return tables.map(({ table, functionName, mode, reaches }) => ({
    table: table.sql,
    function: functionName,
    events: FREEZE_EVENTS[mode],
    reaches,
  }));
}
