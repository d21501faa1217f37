/** Runs that the control database lists: somebody must have planned each, in the log or just now in its store. */
import type { ControlRow } from '../../../db/ledger-audit.ts';
import { auditRows } from '../../../stores/postgres/audit-rows.ts';
import type { Comparison } from './comparison.ts';
import type { Ends } from './ends.ts';
import type { DatabaseFinding } from './findings.ts';
import { excess } from './rows.ts';

const RUNS = { source: 'control', table: 'retain.run' };

/** That a plan of a store is told of is found among its leftovers. */
export async function* comparePlannedRuns(
  comparison: Comparison,
  ends: Ends,
): AsyncGenerator<DatabaseFinding> {
  let last: string | undefined;
  do {
    const after = last;
    const rows = await comparison.read(RUNS.source, RUNS.table, () =>
      comparison.control.allRuns(after),
    );
    const unknown = (rows ?? []).filter(({ key }) => !ends.planned.has(key));
    const known = await plannedInStores(comparison, ends, unknown);
    for (const { key } of unknown) {
      if (!known.has(key)) yield excess(RUNS, key, 'is a run that nobody planned');
    }
    last = rows?.at(-1)?.key;
  } while (last !== undefined);
}

/** A plan is registered in its store before it is listed here. */
async function plannedInStores(
  comparison: Comparison,
  { sources }: Ends,
  runs: readonly ControlRow[],
): Promise<Set<string>> {
  const planned = new Set<string>();
  for (const source of new Set(runs.map((row) => `store:${row['store']}`))) {
    // Of a store that the log has never heard of nobody can have planned anything.
    const connection = sources.has(source) ? await comparison.store(source) : undefined;
    if (connection === undefined) continue;
    const ids = runs.filter((row) => `store:${row['store']}` === source).map(({ key }) => key);
    const plans = await comparison.read(source, 'retain_guard.plan', () =>
      auditRows(connection.sql, connection.store, 'plan', ids),
    );
    // A table that cannot be read was reported, and says nothing about these.
    for (const key of plans?.map((row) => row.key) ?? ids) planned.add(key);
  }
  return planned;
}
