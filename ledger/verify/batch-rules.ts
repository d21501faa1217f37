/** What the header of a batch must agree with: its run, the approved plan, holds, epoch, its lane. */
import { parseEpoch } from '../../domain/epoch.ts';
import { laneName } from '../order.ts';
import { NO_PREVIOUS, type StatementOf } from '../statements.ts';
import type { Epochs } from './epochs.ts';
import type { ReportFinding } from './findings.ts';
import type { Holds } from './holds.ts';
import type { OpenRun, Runs } from './runs.ts';
import { isBefore, type SaidOf } from './said.ts';

type Header = StatementOf<'batch'>;

interface BatchRules {
  readonly runs: Runs;
  readonly holds: Holds;
  readonly epochs: Epochs;
  /** Ids of the batches before. */
  readonly batches: Set<string>;
  readonly report: ReportFinding;
}

/** Checks a header against everything that the log said before it, and counts the batch to its run. */
export function checkBatch(
  said: SaidOf<'batch'>,
  { runs, holds, epochs, batches, report }: BatchRules,
): void {
  const { statement: header, index, sha256 } = said;
  const { run: runId, batch } = header;
  const wrong = (code: Parameters<ReportFinding>[0], what: string): void =>
    report(code, `A batch ${what}.`, { index, run: runId, batch });
  if (batches.has(batch)) wrong('E_RUNCHAIN', 'has the id of a batch before it');
  batches.add(batch);
  const source = `store:${header.store}`;
  const run = runs.of(runId);
  if (run === undefined || run.source !== source) {
    wrong(
      'E_BATCH',
      run === undefined ? 'is of a run that is not open' : 'is of a run of another store',
    );
    return;
  }
  const hold = holds.fault(source, header);
  if (hold !== undefined) wrong('E_HOLDCHECK', hold);
  if (!epochs.isOpen(source, header.key_epoch)) {
    wrong('E_EPOCH', 'uses an epoch key that is not open');
  }
  followRun(run, header, sha256, wrong);
}

/** Checks a header against its run alone, and counts the batch to it. `sha256` is that of its entry, hex. */
export function followRun(
  run: OpenRun,
  header: Header,
  sha256: string,
  wrong: (
    code: 'E_SCOPE' | 'E_TIME' | 'E_EPOCH' | 'E_RUNCHAIN' | 'E_HOLDCHECK',
    what: string,
  ) => void,
): void {
  const scope = scopeFault(header, run);
  if (scope !== undefined) wrong('E_SCOPE', scope);
  const time = timeFault(header, run);
  if (time !== undefined) wrong('E_TIME', time);
  const epoch = epochFault(header);
  if (epoch !== undefined) wrong('E_EPOCH', epoch);
  followLane(run, header, sha256, wrong);
  addToRun(run, header);
}

/** What is wrong with the epoch key that a batch names, whatever the log says of it. */
export function epochFault({ key_epoch, class: recordClass }: Header): string | undefined {
  return parseEpoch(key_epoch)?.recordClass === recordClass
    ? undefined
    : 'uses the epoch key of another record class';
}

/** The plan was approved as a whole: only what it names, no more than it counted. */
function scopeFault(header: Header, { plan, steps }: OpenRun): string | undefined {
  // That the run has no plan was found when it began.
  if (plan === undefined) return undefined;
  const { sha256, schedule_version, schedule_sha256, steps: planned } = plan;
  if (header.approval.sha256 !== sha256) return 'names another approved digest than its run';
  const { version, sha256: rules } = header.rule;
  if (version !== schedule_version || rules !== schedule_sha256) {
    return 'names another schedule version than its plan';
  }
  const step = planned.find((one) => one.step === header.step);
  if (step === undefined) return 'names a step that its plan does not have';
  if (step.class !== header.class) return 'is of another record class than its step';
  if (step.rule !== header.rule.id) return 'names another rule than its step';
  if (step.action !== header.action) return 'does something else than its step allows';
  if (step.table !== header.table) return 'is of another table than its step';
  const destroyed = (steps.get(header.step) ?? 0) + header.items.count;
  return destroyed > step.destroys
    ? 'destroys more records than its step was approved for'
    : undefined;
}

function timeFault({ executed_at }: Header, { openedAt, plan }: OpenRun): string | undefined {
  if (isBefore(executed_at, openedAt)) return 'was executed before its run began';
  if (plan === undefined) return undefined;
  const { as_of, expires_at } = plan;
  if (isBefore(executed_at, as_of))
    return 'was executed before the instant that its plan judges by';
  return isBefore(executed_at, expires_at) ? undefined : 'was executed after its plan had expired';
}

/** A lane is one worker's share of a step: its batches follow each other, and holds only come and go. */
function followLane(
  run: OpenRun,
  header: Header,
  sha256: string,
  wrong: (code: 'E_RUNCHAIN' | 'E_HOLDCHECK', what: string) => void,
): void {
  const { step, lane, seq, prev } = header;
  const name = laneName(header);
  const before = run.lanes.get(name);
  const version = BigInt(header.holds.version);
  if (seq !== (before?.seq ?? 0) + 1 || prev !== (before?.last ?? NO_PREVIOUS)) {
    wrong('E_RUNCHAIN', 'does not follow the batch before it in its lane');
  }
  if (before !== undefined && version < before.holdVersion) {
    wrong('E_HOLDCHECK', 'has checked older holds than the batch before it in its lane');
  }
  run.lanes.set(name, { step, lane, seq, last: sha256, holdVersion: version });
}

function addToRun(run: OpenRun, header: Header): void {
  const { step, items, class: recordClass, executed_at } = header;
  const totals = run.classes.get(recordClass) ?? { batches: 0, records: 0 };
  run.classes.set(recordClass, {
    batches: totals.batches + 1,
    records: totals.records + items.count,
  });
  run.steps.set(step, (run.steps.get(step) ?? 0) + items.count);
  if (isBefore(run.lastExecutedAt, executed_at)) run.lastExecutedAt = executed_at;
}
