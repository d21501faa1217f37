import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  ChildWorkflowCancellationType,
  condition,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  startChild,
  TemporalFailure,
} from '@temporalio/workflow';
import type { ClosedRun, OpenedRun, OrchestrateActivities } from '../activities/contract.ts';
import { disposeStep } from './dispose-step.ts';
import { codeOf, refusal } from './failures.ts';
import {
  controlChanged,
  type DisposeStepResult,
  disposeStepWorkflowId,
  type IncompleteFacts,
  type PurgeRunInput,
  type PurgeRunResult,
} from './messages.ts';
import { CLOSING, DEFAULT_PACE } from './options.ts';
import { handleMessages } from './purge-handlers.ts';
import { enter, mark, newState, type PurgeState } from './purge-state.ts';

const { closeRun, setControl } = proxyActivities<OrchestrateActivities>(CLOSING);

/**
 * One disposal run from its finished plan to its report: waits for a second person's approval and for
 * somebody to apply it, works the steps in the order of the plan, counts afresh and closes. Rejected,
 * expired, stopped and completed are results; a run that leaves something undone which is not accounted
 * for fails with `RUN_INCOMPLETE` and the code that caused it.
 */
export async function purgeRun(input: PurgeRunInput): Promise<PurgeRunResult> {
  const state = newState(input);
  const expiresAtMs = Date.parse(input.expiresAt);
  // A plan that would never expire is refused: the wait below needs a real instant.
  if (!Number.isFinite(expiresAtMs)) {
    throw refusal('INVARIANT_BROKEN', 'The plan has no readable instant of expiry.');
  }
  handleMessages(state);

  const opened = await untilApplied(state, expiresAtMs);
  if (opened !== undefined) return workAndClose(state, opened);
  const status = state.decision?.decision === 'reject' ? 'rejected' : 'expired';
  enter(state, status);
  return { run: input.run, status, destroyed: 0, withheld: 0 };
}

/** Undefined when the plan was rejected, or its time passed before somebody applied it. */
async function untilApplied(
  state: PurgeState,
  expiresAtMs: number,
): Promise<OpenedRun | undefined> {
  const decided = (): boolean => state.opened !== undefined || state.phase === 'rejected';
  const leftMs = expiresAtMs - Date.now();
  let cancelled: Error | undefined;
  try {
    if (leftMs > 0) await condition(decided, leftMs);
  } catch (error) {
    if (!(error instanceof TemporalFailure) || !isCancellation(error)) throw error;
    cancelled = error;
  }
  // Whoever was accepted before the end gets an answer, and may still have opened the run: then it has
  // to be closed as well.
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  if (cancelled !== undefined && state.opened === undefined) throw cancelled;
  return state.opened;
}

async function workAndClose(state: PurgeState, opened: OpenedRun): Promise<PurgeRunResult> {
  let stopped = false;
  let failure: { readonly code: string; readonly step?: number } | undefined;
  const scope = CancellationScope.current();
  // At once, and not when the step has ended: the next batch obeys the control row, while a request to
  // cancel an activity only arrives with its next heartbeat.
  const stopping = scope.cancelRequested.catch(() => stopForCancellation(state));
  try {
    stopped = await workSteps(state, opened);
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    const at = state.steps.find((step) => step.state === 'failed')?.step;
    if (isCancellation(error)) stopped = true;
    else failure = { code: codeOf(error), ...(at !== undefined && { step: at }) };
  }
  return CancellationScope.nonCancellable(async () => {
    if (scope.consideredCancelled) await stopping;
    return close(state, stopped, failure);
  });
}

/** True when a step was stopped; the steps after it are not begun. */
async function workSteps(state: PurgeState, opened: OpenedRun): Promise<boolean> {
  for (const { step, lanes, title } of opened.steps) {
    mark(state, step, { state: 'running' });
    try {
      const { outcome, totals } = await workStep(state, step, lanes, title);
      mark(state, step, { state: outcome, totals });
      if (outcome === 'stopped') return true;
    } catch (error) {
      mark(state, step, { state: isCancellation(error) ? 'stopped' : 'failed' });
      throw error;
    } finally {
      delete state.tellStep;
    }
  }
  return false;
}

async function workStep(
  state: PurgeState,
  step: number,
  lanes: number,
  title: string,
): Promise<DisposeStepResult> {
  const { run, store, pace } = state.input;
  const child = await startChild(disposeStep, {
    workflowId: disposeStepWorkflowId(run, step),
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    staticSummary: title,
    args: [{ run, store, step, lanes, pace: pace ?? DEFAULT_PACE }],
  });
  state.tellStep = async (control) => {
    try {
      await child.signal(controlChanged, control);
    } catch (error) {
      // The step ended meanwhile: it has nothing left to hear.
      if (!(error instanceof TemporalFailure)) throw error;
    }
  };
  return child.result();
}

async function stopForCancellation(state: PurgeState): Promise<void> {
  const { run, store } = state.input;
  const reason = 'the workflow was cancelled';
  try {
    await CancellationScope.nonCancellable(() =>
      setControl({ run, store, control: 'stop', actor: 'temporal', reason }),
    );
  } catch (error) {
    // Refused for good, as for a run that was closed by hand: closing says what is the matter.
    if (!(error instanceof TemporalFailure)) throw error;
  }
}

async function close(
  state: PurgeState,
  stopped: boolean,
  failure: { readonly code: string; readonly step?: number } | undefined,
): Promise<PurgeRunResult> {
  const { run, store } = state.input;
  enter(state, 'closing');
  let closed: ClosedRun | undefined;
  let code = failure?.code;
  try {
    closed = await closeRun({ run, store, stopped, ...(code !== undefined && { failure: code }) });
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    code ??= codeOf(error);
  }
  if (closed?.outcome === 'incomplete') code ??= 'RUN_INCOMPLETE';
  await condition(allHandlersFinished);
  if (code === undefined && closed !== undefined && closed.outcome !== 'incomplete') {
    enter(state, closed.outcome);
    const { outcome: status, destroyed, withheld } = closed;
    return { run, status, destroyed, withheld };
  }
  enter(state, 'incomplete');
  throw incomplete(state, { ...failure, run, code: code ?? 'RUN_INCOMPLETE' }, closed);
}

function incomplete(
  state: PurgeState,
  facts: IncompleteFacts,
  closed: ClosedRun | undefined,
): ApplicationFailure {
  const where = facts.step === undefined ? '' : ` in step ${facts.step}`;
  const counts = closed && { destroyed: closed.destroyed, withheld: closed.withheld };
  return ApplicationFailure.create({
    type: 'RUN_INCOMPLETE',
    message: `Run ${state.input.run} is incomplete: ${facts.code}${where}.`,
    nonRetryable: true,
    details: [{ ...facts, ...counts }],
  });
}
