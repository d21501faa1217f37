import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { DisposeActivities } from '../activities/contract.ts';
import { addCounts, type BatchCounts, NO_COUNTS } from '../domain/disposal.ts';
import { asFailure } from './failures.ts';
import {
  controlChanged,
  type DisposeStepInput,
  type DisposeStepResult,
  type LaneProgress,
  stepProgress,
} from './messages.ts';
import { pauseRecheckMs, SLICE } from './options.ts';

const { disposeSlice } = proxyActivities<DisposeActivities>(SLICE);

type LaneEnd = 'finished' | 'stopped' | 'drained';

interface StepState {
  readonly input: DisposeStepInput;
  readonly lanes: LaneProgress[];
  /** Grows when a person asked to go on or to stop: whoever waits in a pause looks again. */
  wakes: number;
}

/**
 * Works one step of an approved plan to its end, in `lanes` sequences of slices side by side. Which
 * record goes is decided by the guard alone; here is only persistence. Ends with the code of the first
 * slice that must not be tried again, once every lane has stopped touching the store.
 */
export async function disposeStep(input: DisposeStepInput): Promise<DisposeStepResult> {
  const state: StepState = {
    input,
    lanes: Array.from(
      { length: input.lanes },
      (_, index) => input.carried?.[index] ?? { finished: false, totals: NO_COUNTS, slices: 0 },
    ),
    wakes: 0,
  };
  setHandler(stepProgress, () => totalsOf(state));
  setHandler(controlChanged, (control) => {
    if (control !== 'pause') state.wakes += 1;
  });

  const ends = await runLanes(state);
  await condition(allHandlersFinished);
  if (ends.includes('stopped')) return { outcome: 'stopped', totals: totalsOf(state) };
  if (ends.includes('drained')) {
    return continueAsNew<typeof disposeStep>({ ...input, carried: state.lanes });
  }
  return { outcome: 'finished', totals: totalsOf(state) };
}

/** Waits for every lane, failed or not: a run is counted only when nothing of it is in flight. */
async function runLanes(state: StepState): Promise<LaneEnd[]> {
  const scope = new CancellationScope();
  const settled = await scope.run(() =>
    Promise.allSettled(
      state.lanes.map(async (_, index) => {
        try {
          return await runLane(state, index);
        } catch (error) {
          scope.cancel();
          throw error;
        }
      }),
    ),
  );
  const failures = settled.flatMap((lane): unknown[] =>
    lane.status === 'rejected' ? [lane.reason] : [],
  );
  const failure = failures.find((reason) => !isCancellation(reason)) ?? failures[0];
  if (failure !== undefined) throw isCancellation(failure) ? failure : asFailure(failure);
  return settled.flatMap((lane) => (lane.status === 'fulfilled' ? [lane.value] : []));
}

async function runLane(state: StepState, index: number): Promise<LaneEnd> {
  let looks = 0;
  for (;;) {
    if (state.lanes[index]?.finished) return 'finished';
    if (historyIsLong(state)) return 'drained';
    const wakes = state.wakes;
    const outcome = await runSlice(state, index);
    if (outcome === 'stopped') return 'stopped';
    if (outcome === 'paused') {
      await condition(() => state.wakes !== wakes, pauseRecheckMs(looks));
      looks += 1;
    } else {
      looks = 0;
    }
  }
}

async function runSlice(
  state: StepState,
  index: number,
): Promise<'continue' | 'finished' | 'paused' | 'stopped'> {
  const { run, store, step, pace } = state.input;
  const before = state.lanes[index];
  const slices = (before?.slices ?? 0) + 1;
  const { outcome, totals } = await disposeSlice.executeWithOptions(
    { summary: `lane ${index + 1} slice ${slices}` },
    [
      {
        run,
        store,
        step,
        lane: index + 1,
        sliceRecords: pace.sliceRecords,
        sliceMs: pace.sliceMs,
      },
    ],
  );
  state.lanes[index] = { finished: outcome === 'finished', totals, slices };
  return outcome;
}

function historyIsLong(state: StepState): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength > state.input.pace.eventsPerRun;
}

function totalsOf(state: StepState): BatchCounts {
  return state.lanes.reduce((sum, lane) => addCounts(sum, lane.totals), NO_COUNTS);
}
