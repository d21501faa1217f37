/**
 * The port through which Retain destroys. One guard per governed store; adapters are self-contained
 * and as native as their store.
 */
import type { CalendarDate } from '../domain/civil.ts';
import type {
  BatchCounts,
  BatchIdentity,
  BatchOutcome,
  LaneId,
  LaneState,
} from '../domain/disposal.ts';
import type { DispositionKind } from '../domain/plan.ts';

/** What is the same for every batch of a step; read once per slice from the approved document. */
export interface StepDescription {
  /** Id of the store in the schedule. */
  readonly store: string;
  readonly run: string;
  readonly step: number;
  /** Digest of the approved plan, `sha256:<hex>`. */
  readonly planDigest: string;
  readonly recordClass: string;
  readonly rule: string;
  readonly ruleVersion: number;
  /** SHA-256 of the schedule version the rule stands in, hex. */
  readonly ruleSha256: string;
  readonly action: DispositionKind;
  readonly table: string;
  readonly schemaSha256: string;
}

/** A committed batch whose keys still wait to be turned into references. */
export interface StagedBatch extends BatchIdentity {
  /** RFC 3339 UTC with microseconds, from the database clock. */
  readonly executedAt: string;
  readonly txid: string;
  readonly holdVersion: number;
  /** Rows that went along, by table. */
  readonly parts: Readonly<Record<string, number>>;
  /** PostgreSQL text of each key column in declared order, one tuple per destroyed record. */
  readonly keys: readonly (readonly string[])[];
}

export interface BatchResult {
  readonly outcome: BatchOutcome;
  readonly counts: BatchCounts;
  /** Present exactly when something was destroyed. */
  readonly staged?: StagedBatch;
}

export interface SealedBatch {
  readonly batch: string;
  readonly keyEpoch: string;
  /** A complete signed entry of the ledger: `0x01 0x01 ‖ signature ‖ RFC 8785 JSON`. */
  readonly header: Buffer;
  /** 32 bytes per destroyed record, strictly ascending. */
  readonly refs: Buffer;
  /** Which process did it, for operations; the header names the key. */
  readonly sealedBy: string;
  /** True when another worker than the one that destroyed did the sealing. */
  readonly recovered: boolean;
}

/**
 * What a worker may ask of a governed store. Implementations MUST make `disposeBatch` one transaction
 * that destroys, logs and moves the lane's cursor, or does nothing; MUST refuse a fence that is not
 * the newest (`FENCED`); and MUST NOT destroy anything under a hold, outside the approved statements
 * or changed since the plan, whatever the caller believes. It MUST answer `unintegrated`, and do nothing,
 * while a sealed batch of the store has waited for the ledger for over a minute.
 */
export interface DisposalGuard {
  describeStep(run: string, step: number): Promise<StepDescription>;
  claimLane(lane: LaneId): Promise<LaneState>;
  laneState(lane: LaneId): Promise<LaneState>;
  disposeBatch(lane: LaneId, fence: bigint, limitRecords: number): Promise<BatchResult>;
  /** Unsealed batches of the lane in sequence order. */
  stagedBatches(lane: LaneId): Promise<StagedBatch[]>;
  /** Lanes with a batch that has waited for sealing for at least this long. */
  lanesToSeal(waitingSeconds: number): Promise<LaneId[]>;
  /** SHA-256 of the last sealed header entry of the lane, hex; 64 zeros before the first. */
  lastHeaderSha256(lane: LaneId): Promise<string>;
  /**
   * Binds an epoch to its key by a 32-byte commitment, and to the last day on which the key is kept, before
   * anything is destroyed under it. MUST refuse (`EPOCH_KEY_MISMATCH`) another key of the same name, and
   * (`EPOCH_KEY_DESTROYED`) one that was destroyed.
   */
  registerEpoch(
    keyEpoch: string,
    commitment: Buffer,
    destroyAfter: CalendarDate | null,
  ): Promise<void>;
  /** False when the batch was sealed before. */
  sealBatch(sealed: SealedBatch): Promise<boolean>;
  /** The store's own clock, RFC 3339 UTC. */
  clock(): Promise<string>;
}
