/** A disposal run without databases: enough of the rules of the guard for workflows to be tested. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  CloseRunInput,
  DisposeSliceInput,
  OpenRunInput,
  OrchestrateActivities,
  RecordDecisionInput,
  SetControlInput,
} from '../../activities/contract.ts';
import type { SliceHooks } from '../../activities/dispose-slice.ts';
import { type BatchCounts, NO_COUNTS, type SliceResult } from '../../domain/disposal.ts';

const BATCH_RECORDS = 10;

export interface FakeStep {
  readonly step: number;
  readonly lanes: number;
  readonly recordsPerLane: number;
}

/** One run: its control row, its lanes, and what was asked of it. */
export class FakeRun implements OrchestrateActivities {
  readonly decisions: RecordDecisionInput[] = [];
  readonly opened: OpenRunInput[] = [];
  readonly controls: SetControlInput[] = [];
  readonly closed: CloseRunInput[] = [];
  readonly slices: DisposeSliceInput[] = [];
  readonly #steps: readonly FakeStep[];
  readonly #left = new Map<string, number>();
  /** Read before every batch, as the guard does. */
  control: 'run' | 'pause' | 'stop' = 'run';
  /** Thrown by the next calls of the activity, first in first out. */
  readonly failing: { name: string; error: unknown }[] = [];
  /** Called before every batch: the place to hold a run back or to break it. */
  beforeBatch: (input: DisposeSliceInput, left: number) => Promise<void> = async () => undefined;
  inFlight = 0;
  /** Slices in flight when the run was closed: must be none. */
  inFlightWhenClosed: number | undefined;

  constructor(steps: readonly FakeStep[]) {
    this.#steps = steps;
    for (const { step, lanes, recordsPerLane } of steps) {
      for (let lane = 1; lane <= lanes; lane += 1)
        this.#left.set(`${step}/${lane}`, recordsPerLane);
    }
  }

  get destroyed(): number {
    const planned = this.#steps.reduce((sum, step) => sum + step.lanes * step.recordsPerLane, 0);
    return planned - [...this.#left.values()].reduce((sum, left) => sum + left, 0);
  }

  async recordDecision(input: RecordDecisionInput): Promise<{ decidedAt: string }> {
    this.#maybeFail('recordDecision');
    this.decisions.push(input);
    return { decidedAt: '2026-11-21T23:11:00Z' };
  }

  async openRun(input: OpenRunInput) {
    this.#maybeFail('openRun');
    this.opened.push(input);
    return {
      steps: this.#steps.map(({ step, lanes }) => ({ step, lanes, title: `Class ${step}` })),
    };
  }

  async setControl(input: SetControlInput): Promise<void> {
    this.#maybeFail('setControl');
    this.controls.push(input);
    this.control = input.control;
  }

  async closeRun(input: CloseRunInput) {
    this.#maybeFail('closeRun');
    this.closed.push(input);
    this.inFlightWhenClosed = this.inFlight;
    const left = [...this.#left.values()].some((count) => count > 0);
    const outcome = input.stopped ? 'stopped' : left ? 'incomplete' : 'completed';
    return { outcome, destroyed: this.destroyed, withheld: 0 } as const;
  }

  readonly runSlice = async (input: DisposeSliceInput, hooks: SliceHooks): Promise<SliceResult> => {
    this.slices.push(input);
    this.inFlight += 1;
    try {
      return await this.#work(input, hooks);
    } finally {
      this.inFlight -= 1;
    }
  };

  async #work(input: DisposeSliceInput, hooks: SliceHooks): Promise<SliceResult> {
    const lane = `${input.step}/${input.lane}`;
    const planned = this.#steps.find(({ step }) => step === input.step)?.recordsPerLane ?? 0;
    const totals = (): BatchCounts => {
      const gone = planned - (this.#left.get(lane) ?? 0);
      return { ...NO_COUNTS, picked: gone, destroyed: gone };
    };
    for (let done = 0; done < input.sliceRecords; done += BATCH_RECORDS) {
      await nextTurn();
      const left = this.#left.get(lane) ?? 0;
      await this.beforeBatch(input, left);
      if (this.control !== 'run') {
        return { outcome: this.control === 'pause' ? 'paused' : 'stopped', totals: totals() };
      }
      if (left === 0) return { outcome: 'finished', totals: totals() };
      if (hooks.cancelled()) break;
      this.#left.set(lane, Math.max(0, left - BATCH_RECORDS));
      hooks.onBatch(totals());
    }
    return { outcome: 'continue', totals: totals() };
  }

  #maybeFail(name: string): void {
    const at = this.failing.findIndex((failing) => failing.name === name);
    const [failing] = at < 0 ? [] : this.failing.splice(at, 1);
    if (failing) throw failing.error;
  }
}

/** Resolves when `open` is called; whoever awaits it before is held back. */
export function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}
