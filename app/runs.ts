/** Looking at runs: which there are, what one is, how far it has come. Changes nothing. */
import type { RunEntry } from '../db/client.ts';
import { NO_COUNTS, type RunProgress, type RunStatus } from '../domain/disposal.ts';
import { RetentionError } from '../domain/errors.ts';
import type { PlanDocument } from '../domain/plan.ts';
import type { StoreConnection } from '../stores/postgres/connection.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import { type Retain, scheduleInForce, storeNamed, withStore } from './context.ts';
import { planDocument } from './orchestrate.ts';
import { laneTotals, type RunState, runStates, type StepTotals } from './run-state.ts';

export interface ListedRun extends RunEntry {
  /** `unknown` when the store does not know the run (restored from a backup?). */
  readonly status: RunStatus | 'unknown';
}

/** The newest runs first. One question per store, whatever the number of runs. */
export async function listRuns(retain: Retain, limit: number): Promise<ListedRun[]> {
  const entries = await retain.control.recentRuns(limit);
  const stores = [...new Set(entries.map(({ store }) => store))];
  const states = new Map<string, RunState>();
  for (const store of stores) {
    const runs = entries.filter((entry) => entry.store === store).map(({ runId }) => runId);
    const found = await onStore(retain, store, (connection) => runStates(connection, runs));
    for (const [run, state] of found) states.set(run, state);
  }
  return entries.map((entry) => ({
    ...entry,
    status: states.get(entry.runId)?.status ?? 'unknown',
  }));
}

export interface ShownRun {
  readonly entry: RunEntry;
  readonly document: PlanDocument;
  readonly state: RunState;
  readonly totals: readonly StepTotals[];
}

/** Everything about one run. */
export function showRun(retain: Retain, entry: RunEntry): Promise<ShownRun> {
  return onStore(retain, entry.store, async (connection) => {
    const document = await planDocument(connection, entry.runId);
    const state = await stateOf(connection, entry.runId);
    const totals = await laneTotals(connection, entry.runId);
    return { entry, document, state, totals: [...totals.values()].sort((a, b) => a.step - b.step) };
  });
}

export interface WatchedRun extends RunProgress {
  readonly state: RunState;
}

export interface RunWatch {
  readonly document: PlanDocument;
  /** One look at the run. */
  look(): Promise<WatchedRun>;
  /** Holds that took effect since the last time this was asked, oldest first. */
  newHolds(): Promise<readonly NewHold[]>;
}

export interface NewHold {
  readonly hold: string;
  readonly matter: string;
  /** RFC 3339 UTC. */
  readonly effectiveAt: string;
}

/** Gives `work` one connection to watch a run with, for as long as it takes. */
export function watchRun<T>(
  retain: Retain,
  entry: RunEntry,
  work: (watch: RunWatch) => Promise<T>,
): Promise<T> {
  return onStore(retain, entry.store, async (connection) => {
    const document = await planDocument(connection, entry.runId);
    let seen = await newestHold(connection);
    return work({
      document,
      look: () => look(connection, document),
      newHolds: async () => {
        const rows = await holdsAfter(connection, seen);
        seen = rows.at(-1)?.version ?? seen;
        return rows;
      },
    });
  });
}

/** How far a run is, step by step. */
export function runProgress(retain: Retain, entry: RunEntry): Promise<WatchedRun> {
  return watchRun(retain, entry, (watch) => watch.look());
}

/** One step as `run show --sql` prints it: the exact statements, byte for byte as approved. */
export interface ShownStatements {
  readonly step: number;
  readonly rule: string;
  readonly sha256: string;
  /** What `sha256` is of, byte for byte. */
  readonly text: string;
  readonly statements: Readonly<Record<string, unknown>>;
}

export function runStatements(retain: Retain, entry: RunEntry): Promise<ShownStatements[]> {
  return onStore(retain, entry.store, (connection) => statementsOf(connection, entry.runId));
}

/** Tables whose rows a plan only unlinks: their foreign key becomes null, the rows stay. */
export async function unlinkedTables(retain: Retain, entry: RunEntry): Promise<Set<string>> {
  const steps = await runStatements(retain, entry);
  const parts = steps.flatMap(({ statements }) => (statements['parts'] ?? []) as PartStatement[]);
  const deleted = new Set(parts.filter(({ sql }) => sql.startsWith('delete')).map(tableOf));
  return new Set(parts.map(tableOf).filter((table) => !deleted.has(table)));
}

interface PartStatement {
  readonly table: string;
  readonly sql: string;
}

const tableOf = ({ table }: PartStatement): string => table;

async function statementsOf(connection: StoreConnection, run: string): Promise<ShownStatements[]> {
  const document = await planDocument(connection, run);
  const rows = await asStore(
    connection.store,
    () => connection.sql<{ step: number; statements: string }[]>`
    select step_no as step, statements from retain_guard.step where run_id = ${run} order by step_no`,
  );
  return rows.map(({ step, statements }) => ({
    step,
    rule: document.steps[step - 1]?.rule ?? '',
    sha256: document.steps[step - 1]?.statementsSha256 ?? '',
    text: statements,
    statements: JSON.parse(statements) as Record<string, unknown>,
  }));
}

async function look(connection: StoreConnection, document: PlanDocument): Promise<WatchedRun> {
  const state = await stateOf(connection, document.run);
  const totals = await laneTotals(connection, document.run);
  return {
    run: document.run,
    status: state.status,
    state,
    steps: document.steps.map(({ title, rule, action, counts }, index) => {
      const done = totals.get(index + 1);
      return {
        ...{ step: index + 1, title, rule, action, planned: counts.destroys },
        totals: done ?? NO_COUNTS,
        finished: done?.finished ?? false,
      };
    }),
  };
}

async function stateOf(connection: StoreConnection, run: string): Promise<RunState> {
  const state = (await runStates(connection, [run])).get(run);
  if (!state)
    throw new RetentionError('PLAN_UNKNOWN', 'There is no such plan in this store.', { run });
  return state;
}

async function newestHold(connection: StoreConnection): Promise<number> {
  const [row] = await asStore(
    connection.store,
    () => connection.sql<{ version: string }[]>`
    select version from retain_guard.hold_state`,
  );
  return Number(row?.version ?? 0);
}

async function holdsAfter(
  connection: StoreConnection,
  version: number,
): Promise<(NewHold & { version: number })[]> {
  const rows = await asStore(
    connection.store,
    () => connection.sql<{ hold: string; matter: string; version: string; effectiveAt: string }[]>`
    select 'H-' || hold_no as hold, matter_id as matter, version,
           to_char(effective_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "effectiveAt"
      from retain_guard.hold where version > ${version} order by version`,
  );
  return rows.map((row) => ({ ...row, version: Number(row.version) }));
}

async function onStore<T>(
  retain: Retain,
  store: string,
  work: (connection: StoreConnection) => Promise<T>,
): Promise<T> {
  const { schedule } = await scheduleInForce(retain);
  return withStore(retain, storeNamed(schedule, store), 'retain_app', work);
}
