/**
 * What can be said to a running disposal, and what it answers. Names and shapes are written into
 * histories that outlive a deploy: add optional fields, never rename or repurpose one.
 */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Undelivered } from '../activities/contract.ts';
import type { BatchCounts } from '../domain/disposal.ts';

/** The workflow's type in Temporal. */
export const PURGE_RUN = 'purgeRun';

export function purgeRunWorkflowId(run: string): string {
  return `purge-run/${run}`;
}

export function disposeStepWorkflowId(run: string, step: number): string {
  return `${purgeRunWorkflowId(run)}/step/${step}`;
}

/** The workflow that keeps the ledger, and the one id it has. */
export const KEEP_LEDGER = 'keepLedger';
export const KEEP_LEDGER_WORKFLOW_ID = 'keep-ledger';

export interface LedgerKeeping {
  /** Entries after the last turn that succeeded. */
  readonly size: number;
  /** The code that keeps the ledger from going on. */
  readonly stoppedBy?: string;
  /** Stores that it could not follow in its last turn, while it followed the others. */
  readonly troubled?: readonly { readonly store: string; readonly code: string }[];
  /** Places that do not get signed heads. */
  readonly undelivered?: readonly Undelivered[];
}

export const ledgerKeeping = defineQuery<LedgerKeeping>('ledgerKeeping');

export interface PurgeRunInput {
  readonly run: string;
  /** Id of the store in the schedule. */
  readonly store: string;
  /** `sha256:<hex>` of the plan. */
  readonly digest: string;
  readonly requestedBy: string;
  /** RFC 3339 in UTC. After it the plan can be neither approved nor applied. */
  readonly expiresAt: string;
  readonly pace?: SlicePace;
}

/** How much one activity does, and how long one history becomes before a step starts a new one. */
export interface SlicePace {
  readonly sliceRecords: number;
  readonly sliceMs: number;
  readonly eventsPerRun: number;
}

/** The ends that are nobody's fault. A run that is left incomplete fails with `RUN_INCOMPLETE`. */
export interface PurgeRunResult {
  readonly run: string;
  readonly status: 'rejected' | 'expired' | 'stopped' | 'completed';
  readonly destroyed: number;
  readonly withheld: number;
}

/** First detail of the `RUN_INCOMPLETE` failure. */
export interface IncompleteFacts {
  readonly run: string;
  /** The code that ended the run, or `RUN_INCOMPLETE` when the fresh count found something left. */
  readonly code: string;
  readonly step?: number;
  readonly destroyed?: number;
  readonly withheld?: number;
}

export interface DisposeStepInput {
  readonly run: string;
  readonly store: string;
  readonly step: number;
  readonly lanes: number;
  readonly pace: SlicePace;
  /** What earlier histories of the same step got done, lane by lane. */
  readonly carried?: readonly LaneProgress[];
}

export interface DisposeStepResult {
  readonly outcome: 'finished' | 'stopped';
  readonly totals: BatchCounts;
}

export interface LaneProgress {
  readonly finished: boolean;
  /** Everything ever committed in the lane, as the store counts it. */
  readonly totals: BatchCounts;
  readonly slices: number;
}

export type PurgePhase =
  | 'awaiting-approval'
  | 'approved'
  | 'running'
  | 'paused'
  | 'closing'
  | 'rejected'
  | 'expired'
  | 'stopped'
  | 'completed'
  | 'incomplete';

export interface StepProgress {
  readonly step: number;
  readonly title: string;
  readonly state: 'waiting' | 'running' | 'finished' | 'stopped' | 'failed';
  /** Of ended steps here; of the running one ask its own `stepProgress`. */
  readonly totals: BatchCounts;
}

export interface PurgeProgress {
  readonly run: string;
  readonly phase: PurgePhase;
  readonly decidedBy?: string;
  readonly appliedBy?: string;
  readonly steps: readonly StepProgress[];
}

export interface Decision {
  readonly actor: string;
  /** The digest the actor saw. */
  readonly digest: string;
}

export interface Apply {
  readonly actor: string;
}

export interface ControlRequest {
  readonly actor: string;
  readonly reason: string;
}

export type ControlWord = 'run' | 'pause' | 'stop';

export const approve = defineUpdate<{ decidedAt: string }, [Decision]>('approve');
export const reject = defineUpdate<{ decidedAt: string }, [Decision]>('reject');
export const apply = defineUpdate<{ steps: number }, [Apply]>('apply');
export const pause = defineUpdate<PurgePhase, [ControlRequest]>('pause');
export const resume = defineUpdate<PurgePhase, [ControlRequest]>('resume');
export const stop = defineUpdate<PurgePhase, [ControlRequest]>('stop');
export const progress = defineQuery<PurgeProgress>('progress');

/** From the run to its step: the control row has changed, look again now. */
export const controlChanged = defineSignal<[ControlWord]>('controlChanged');
export const stepProgress = defineQuery<BatchCounts>('stepProgress');
