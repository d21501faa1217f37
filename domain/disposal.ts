/** What one lane and one batch of a disposal run report. Counts and ids of our own rows, never keys. */

export interface BatchCounts {
  readonly picked: number;
  readonly destroyed: number;
  readonly held: number;
  readonly blocked: number;
  readonly changed: number;
  /** Planned, but destroyed or re-keyed by somebody else before the batch came. */
  readonly gone: number;
}

export const NO_COUNTS: BatchCounts = {
  picked: 0,
  destroyed: 0,
  held: 0,
  blocked: 0,
  changed: 0,
  gone: 0,
};

export function addCounts(a: BatchCounts, b: BatchCounts): BatchCounts {
  return {
    picked: a.picked + b.picked,
    destroyed: a.destroyed + b.destroyed,
    held: a.held + b.held,
    blocked: a.blocked + b.blocked,
    changed: a.changed + b.changed,
    gone: a.gone + b.gone,
  };
}

/** Names one lane: the unit of claiming, fencing and sequence numbers. */
export interface LaneId {
  readonly run: string;
  /** Counts from 1 in the order of the plan's steps. */
  readonly step: number;
  /** Counts from 1. */
  readonly lane: number;
}

/** A lane as the guard keeps it; totals are of everything ever committed in it. */
export interface LaneState extends LaneId {
  readonly fence: bigint;
  readonly seq: number;
  readonly totals: BatchCounts;
  readonly finished: boolean;
}

/** Names a batch that destroyed something and what its header needs. */
export interface BatchIdentity extends LaneId {
  readonly batch: string;
  readonly seq: number;
}

/**
 * `unsealed`: the lane's own batches wait for sealing; `unintegrated`: sealed ones wait for the ledger.
 * Nothing was done then.
 */
export type BatchOutcome =
  | 'worked'
  | 'finished'
  | 'paused'
  | 'stopped'
  | 'unsealed'
  | 'unintegrated';

/** How a slice of work ended; totals are read back from the guard, not from memory. */
export interface SliceResult {
  readonly outcome: 'continue' | 'finished' | 'paused' | 'stopped';
  readonly totals: BatchCounts;
}

/** How far a whole run is, for people who watch. */
export interface RunProgress {
  readonly run: string;
  readonly status: RunStatus;
  readonly steps: readonly {
    readonly step: number;
    readonly title: string;
    readonly rule: string;
    readonly action: string;
    readonly planned: number;
    readonly totals: BatchCounts;
    readonly finished: boolean;
  }[];
}

export type RunStatus =
  | 'awaiting-approval'
  | 'approved'
  | 'rejected'
  | 'expired'
  | 'running'
  | 'paused'
  | 'stopped'
  | 'completed'
  | 'incomplete';
