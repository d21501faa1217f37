import { CancellationScope, condition, setCurrentDetails } from '@temporalio/workflow';
import type { OpenedRun } from '../activities/contract.ts';
import { NO_COUNTS } from '../domain/disposal.ts';
import type {
  ControlWord,
  PurgePhase,
  PurgeProgress,
  PurgeRunInput,
  StepProgress,
} from './messages.ts';

/** What a run remembers; the truth about decisions, control and records is in the databases. */
export interface PurgeState {
  readonly input: PurgeRunInput;
  phase: PurgePhase;
  /** True while an update is being written down: the next one waits, or is refused. */
  busy: boolean;
  decision?: { readonly decision: 'approve' | 'reject'; readonly actor: string };
  opened?: OpenedRun;
  appliedBy?: string;
  steps: StepProgress[];
  /** Passes a changed control on to the step that is running. */
  tellStep?: (control: ControlWord) => Promise<void>;
}

export function newState(input: PurgeRunInput): PurgeState {
  return { input, phase: 'awaiting-approval', busy: false, steps: [] };
}

export function enter(state: PurgeState, phase: PurgePhase): void {
  state.phase = phase;
  setCurrentDetails(`Disposal run **${state.input.run}**: ${phase}`);
}

export function progressOf(state: PurgeState): PurgeProgress {
  return {
    run: state.input.run,
    phase: state.phase,
    ...(state.decision && { decidedBy: state.decision.actor }),
    ...(state.appliedBy !== undefined && { appliedBy: state.appliedBy }),
    steps: state.steps,
  };
}

export function plannedSteps(opened: OpenedRun): StepProgress[] {
  return opened.steps.map(({ step, title }) => ({
    step,
    title,
    state: 'waiting',
    totals: NO_COUNTS,
  }));
}

export function mark(state: PurgeState, step: number, change: Partial<StepProgress>): void {
  state.steps = state.steps.map((known) => (known.step === step ? { ...known, ...change } : known));
}

/**
 * One after the other: two people who pause and resume at once must not overtake each other. What was
 * begun is brought to its end even when the workflow is cancelled meanwhile.
 */
export async function alone<T>(state: PurgeState, work: () => Promise<T>): Promise<T> {
  return CancellationScope.nonCancellable(async () => {
    while (state.busy) await condition(() => !state.busy);
    state.busy = true;
    try {
      return await work();
    } finally {
      state.busy = false;
    }
  });
}
