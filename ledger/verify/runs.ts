/** Runs from their beginning to their end, and what they come to. */
import { laneName } from '../order.ts';
import type { StatementOf } from '../statements.ts';
import type { ReportFinding } from './findings.ts';
import type { Plan, Plans } from './plans.ts';
import { isBefore, type SaidOf } from './said.ts';

export interface Lane {
  readonly step: number;
  readonly lane: number;
  seq: number;
  /** SHA-256 of its last header entry, hex. */
  last: string;
  holdVersion: bigint;
}

interface Totals {
  batches: number;
  records: number;
}

export interface OpenRun {
  readonly run: string;
  readonly source: string;
  readonly openedAt: string;
  /** Index of its `run.open`. */
  readonly index: number;
  /** Undefined when it began without one. */
  readonly plan: Plan | undefined;
  lastExecutedAt: string;
  /** Given up after a restore. What the store had done before can still come; nobody waits for an end. */
  abandoned: boolean;
  readonly lanes: Map<string, Lane>;
  readonly classes: Map<string, Totals>;
  /** Records destroyed so far, by number of the step. */
  readonly steps: Map<number, number>;
}

export interface Runs {
  open(said: SaidOf<'run.open'>): void;
  close(said: SaidOf<'run.close'>): void;
  abandon(run: string, index: number): void;
  of(run: string): OpenRun | undefined;
  /** Runs that are not over. */
  unfinished(): readonly OpenRun[];
  readonly counts: { opened: number; closed: number; abandoned: number };
}

export function runs(plans: Plans, report: ReportFinding): Runs {
  const open = new Map<string, OpenRun>();
  const begun = new Set<string>();
  const counts = { opened: 0, closed: 0, abandoned: 0 };
  return {
    counts,
    of: (run) => open.get(run),
    unfinished: () => [...open.values()].filter(({ abandoned }) => !abandoned),
    open(said) {
      const { statement, index } = said;
      const { run } = statement;
      if (begun.has(run)) {
        report('E_RUN', 'A run begins twice.', { index, run });
        return;
      }
      const plan = plans.of(run);
      const fault = openingFault(statement, plan);
      if (fault !== undefined) report('E_RUN', `A run begins ${fault}.`, { index, run });
      begun.add(run);
      counts.opened += 1;
      open.set(run, begin(said, plan));
    },
    close({ statement, index }) {
      const { run } = statement;
      const state = open.get(run);
      if (state === undefined) {
        report('E_RUN', 'A run closes that is not open.', { index, run });
        return;
      }
      checkClose(state, statement, (code, message) => report(code, message, { index, run }));
      counts.closed += 1;
      if (state.abandoned) counts.abandoned -= 1;
      open.delete(run);
      plans.forget(run);
    },
    abandon(run, index) {
      const state = open.get(run);
      if (state === undefined || state.abandoned) {
        report('E_REPLAY', 'A replay abandons a run that is not open.', { index, run });
        return;
      }
      counts.abandoned += 1;
      state.abandoned = true;
    },
  };
}

/** A run of which no batch was read yet. */
export function begin(
  { statement, index }: Pick<SaidOf<'run.open'>, 'statement' | 'index'>,
  plan: Plan | undefined,
): OpenRun {
  const { run, source, at } = statement;
  return {
    ...{ run, source, index, plan, openedAt: at, lastExecutedAt: at, abandoned: false },
    ...{ lanes: new Map(), classes: new Map(), steps: new Map() },
  };
}

/** Why a run may not begin so. */
export function openingFault(
  { sha256, source, at }: StatementOf<'run.open'>,
  plan: Plan | undefined,
): string | undefined {
  if (plan === undefined) return 'without a plan before it';
  if (plan.source !== source) return 'in another store than its plan is of';
  if (plan.sha256 !== sha256) return 'with another digest than its plan has';
  if (!plan.approved) return 'that nobody has approved before it';
  if (!isBefore(at, plan.expires_at)) return 'after its plan has expired';
  return undefined;
}

/** The end of a run against all batches that were read of it. */
export function checkClose(
  run: OpenRun,
  statement: StatementOf<'run.close'>,
  report: (code: 'E_RUN' | 'E_TIME' | 'E_TOTALS' | 'E_RUNCHAIN', message: string) => void,
): void {
  if (statement.source !== run.source)
    report('E_RUN', 'A run closes in another store than it began.');
  if (isBefore(statement.at, run.lastExecutedAt)) {
    report('E_TIME', 'A batch of the run was executed after the run had closed.');
  }
  if (!sameTotals(run, statement)) {
    report('E_TOTALS', 'The run closed with other totals than its batches in the log have.');
  }
  if (!sameLanes(run, statement)) {
    report('E_RUNCHAIN', 'The run closed with other last batches of its lanes than the log has.');
  }
}

function sameTotals(
  run: OpenRun,
  { batches, records, classes }: StatementOf<'run.close'>,
): boolean {
  const all = [...run.classes.values()];
  const named = Object.entries(classes);
  return (
    batches === all.reduce((sum, one) => sum + one.batches, 0) &&
    records === all.reduce((sum, one) => sum + one.records, 0) &&
    named.length === run.classes.size &&
    named.every(([name, said]) => {
      const counted = run.classes.get(name);
      return counted?.batches === said.batches && counted.records === said.records;
    })
  );
}

function sameLanes(run: OpenRun, { lanes }: StatementOf<'run.close'>): boolean {
  const named = new Set(lanes.map(laneName));
  return (
    lanes.length === run.lanes.size &&
    named.size === lanes.length &&
    lanes.every((end) => {
      const known = run.lanes.get(laneName(end));
      return known?.seq === end.seq && known.last === end.last;
    })
  );
}
