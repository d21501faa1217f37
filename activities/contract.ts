/**
 * What a workflow may ask of the outside world. These shapes are written into workflow histories that
 * outlive a deploy: add optional fields, never rename or repurpose one. Ids of our own rows, counts and
 * words only: never a record key, never a governed value.
 */
import type { SliceResult } from '../domain/disposal.ts';

/** Approvals, control, opening and closing: needs the rights of `retain_app`. */
export const ORCHESTRATE_QUEUE = 'retain-orchestrate';
/** Batches and sealing: needs the rights of `retain_worker` only. */
export const DISPOSE_QUEUE = 'retain-dispose';
/** Appending to the ledger and signing its head: needs the ledger's keys and reads every store. */
export const LEDGER_QUEUE = 'retain-ledger';

export interface RunRef {
  readonly run: string;
  /** Id of the store in the schedule. */
  readonly store: string;
}

export interface RecordDecisionInput extends RunRef {
  readonly decision: 'approve' | 'reject';
  readonly actor: string;
  /** `sha256:<hex>`: the digest the actor saw. */
  readonly digest: string;
}

export interface OpenRunInput extends RunRef {
  readonly actor: string;
}

export interface OpenedRun {
  readonly steps: readonly {
    readonly step: number;
    readonly lanes: number;
    readonly title: string;
  }[];
}

export interface SetControlInput extends RunRef {
  readonly control: 'run' | 'pause' | 'stop';
  readonly actor: string;
  readonly reason: string;
}

export interface DisposeSliceInput extends RunRef {
  readonly step: number;
  readonly lane: number;
  /** The slice ends after this many records or this long, whichever comes first. */
  readonly sliceRecords: number;
  readonly sliceMs: number;
}

export interface CloseRunInput extends RunRef {
  readonly stopped: boolean;
  /** The code that ended the run before its time; missing when every step ended by itself. */
  readonly failure?: string;
}

export interface ClosedRun {
  readonly outcome: 'completed' | 'incomplete' | 'stopped';
  readonly destroyed: number;
  readonly withheld: number;
}

export interface OrchestrateActivities {
  recordDecision(input: RecordDecisionInput): Promise<{ readonly decidedAt: string }>;
  openRun(input: OpenRunInput): Promise<OpenedRun>;
  setControl(input: SetControlInput): Promise<void>;
  /** Counts afresh, writes the report, closes. */
  closeRun(input: CloseRunInput): Promise<ClosedRun>;
}

export interface DisposeActivities {
  readonly disposeSlice: (input: DisposeSliceInput) => Promise<SliceResult>;
}

/** A place of publication, a witness or the timestamp authority that does not get signed heads, and why. */
export interface Undelivered {
  /** `witness w1`, `timestamps`, or the name of a folder or bucket. */
  readonly place: string;
  readonly code: string;
}

/** What one turn of keeping the ledger did. */
export interface KeptLedger {
  /** Entries appended. */
  readonly entries: number;
  /** Entries in all. */
  readonly size: number;
  /** Stores that the ledger could not follow when the turn ended, and why. */
  readonly troubled?: readonly { readonly store: string; readonly code: string }[];
  /** When the turn ended. */
  readonly undelivered?: readonly Undelivered[];
}

export interface LedgerActivities {
  /** Appends, signs and delivers, round after round, for a minute. */
  keepLedger(): Promise<KeptLedger>;
}
