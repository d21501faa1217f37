/** What people can ask of a run. Validators refuse before anything is written; handlers write first. */
import { proxyActivities, setHandler } from '@temporalio/workflow';
import type { OrchestrateActivities } from '../activities/contract.ts';
import { asFailure, refusal } from './failures.ts';
import {
  type Apply,
  apply,
  approve,
  type ControlRequest,
  type ControlWord,
  type Decision,
  type PurgePhase,
  pause,
  progress,
  reject,
  resume,
  stop,
} from './messages.ts';
import { WHILE_SOMEBODY_WAITS } from './options.ts';
import { alone, enter, type PurgeState, plannedSteps, progressOf } from './purge-state.ts';

const { recordDecision, openRun, setControl } =
  proxyActivities<OrchestrateActivities>(WHILE_SOMEBODY_WAITS);

export function handleMessages(state: PurgeState): void {
  setHandler(progress, () => progressOf(state));
  setHandler(approve, (decision) => decide(state, 'approve', decision), {
    validator: (decision: Decision) => mayDecide(state, 'approve', decision),
  });
  setHandler(reject, (decision) => decide(state, 'reject', decision), {
    validator: (decision: Decision) => mayDecide(state, 'reject', decision),
  });
  setHandler(apply, (request) => applyPlan(state, request), {
    validator: (request: Apply) => mayApply(state, request),
  });
  for (const [update, control] of [
    [pause, 'pause'],
    [resume, 'run'],
    [stop, 'stop'],
  ] as const) {
    setHandler(update, (request) => changeControl(state, control, request), {
      validator: (request: ControlRequest) => mayControl(state, request),
    });
  }
}

/** Names are compared as people read them: without case and surrounding blanks. */
function plain(actor: string): string {
  return actor.trim().toLowerCase();
}

function refuseNobody(actor: unknown): void {
  if (typeof actor !== 'string' || plain(actor) === '') {
    throw refusal('USAGE', 'Say who asks: the actor is blank.');
  }
}

function mayDecide(state: PurgeState, decision: 'approve' | 'reject', asked: Decision): void {
  refuseNobody(asked.actor);
  refuseDecision(state, decision, asked);
  if (state.busy) throw refusal('STORE_BUSY', 'Another decision is being written down. Try again.');
}

function refuseDecision(state: PurgeState, decision: 'approve' | 'reject', asked: Decision): void {
  if (state.decision) {
    const { decision: taken, actor } = state.decision;
    throw taken === 'reject'
      ? refusal('PLAN_REJECTED', `The plan was rejected by ${actor}.`)
      : refusal('APPROVAL_TWICE', `The plan was approved by ${actor} already.`);
  }
  if (state.phase !== 'awaiting-approval') {
    throw refusal('RUN_NOT_OPEN', `The plan does not await a decision: it is ${state.phase}.`);
  }
  if (asked.digest !== state.input.digest) {
    throw refusal('APPROVAL_DIGEST', 'The decision names another plan: its digest differs.');
  }
  if (decision === 'approve' && plain(asked.actor) === plain(state.input.requestedBy)) {
    throw refusal('APPROVAL_SAME_PERSON', 'Whoever requested a plan cannot approve it.');
  }
}

/** The database has the last word on every decision; the workflow only follows it. */
async function decide(
  state: PurgeState,
  decision: 'approve' | 'reject',
  asked: Decision,
): Promise<{ decidedAt: string }> {
  const { run, store, digest } = state.input;
  const actor = plain(asked.actor);
  return alone(state, async () => {
    // Two decisions can pass their validators in one breath: the second is judged again in its turn.
    refuseDecision(state, decision, asked);
    const answer = await recordDecision({ run, store, digest, decision, actor }).catch(rethrow);
    state.decision = { decision, actor };
    enter(state, decision === 'approve' ? 'approved' : 'rejected');
    return { decidedAt: answer.decidedAt };
  });
}

function mayApply(state: PurgeState, asked: Apply): void {
  refuseNobody(asked.actor);
  if (state.phase === 'awaiting-approval') {
    throw refusal('APPROVAL_MISSING', 'The plan has not been approved.');
  }
  if (state.phase !== 'approved') {
    throw refusal('RUN_NOT_OPEN', `The plan cannot be applied: it is ${state.phase}.`);
  }
  if (state.busy) throw refusal('STORE_BUSY', 'The plan is being opened. Try again.');
}

/** A refusal to open, such as `PLAN_EXPIRED`, is the answer to whoever asked, and no end of the run. */
async function applyPlan(state: PurgeState, asked: Apply): Promise<{ steps: number }> {
  const { run, store } = state.input;
  const actor = plain(asked.actor);
  return alone(state, async () => {
    if (state.opened) throw refusal('RUN_NOT_OPEN', 'The plan is being applied already.');
    const opened = await openRun({ run, store, actor }).catch(rethrow);
    state.opened = opened;
    state.appliedBy = actor;
    state.steps = plannedSteps(opened);
    enter(state, 'running');
    return { steps: opened.steps.length };
  });
}

function mayControl(state: PurgeState, asked: ControlRequest): void {
  refuseNobody(asked.actor);
  if (state.phase !== 'running' && state.phase !== 'paused') {
    throw refusal('RUN_NOT_OPEN', `The run is not at work: it is ${state.phase}.`);
  }
}

/** The row in the database stops the next batch; the running step is told so that nobody waits. */
async function changeControl(
  state: PurgeState,
  control: ControlWord,
  { actor, reason }: ControlRequest,
): Promise<PurgePhase> {
  const { run, store } = state.input;
  return alone(state, async () => {
    await setControl({ run, store, control, actor: plain(actor), reason }).catch(rethrow);
    if (state.phase === 'running' || state.phase === 'paused') {
      enter(state, control === 'pause' ? 'paused' : 'running');
    }
    await state.tellStep?.(control);
    return state.phase;
  });
}

function rethrow(error: unknown): never {
  throw asFailure(error);
}
