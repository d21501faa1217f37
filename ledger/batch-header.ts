/** The header of a batch: what was destroyed, under what authority, in which place of the lane's chain. */
import { createHash } from 'node:crypto';
import { invariant } from '../domain/errors.ts';
import type { SigningKey } from './ed25519.ts';
import { type JsonObject, signEntry } from './entry.ts';
import { packReferences, runKey } from './references.ts';
import { REFERENCE_BYTES } from './sort-references.ts';
import { NO_PREVIOUS } from './statements.ts';

/** The step of the approved plan that the batch belongs to. */
export interface SealedStep {
  /** Id of the store in the schedule. */
  readonly store: string;
  readonly run: string;
  readonly step: number;
  /** Digest of the approved plan, `sha256:<hex>`. */
  readonly planDigest: string;
  readonly recordClass: string;
  readonly rule: string;
  readonly ruleVersion: number;
  /** Hex. */
  readonly ruleSha256: string;
  readonly action: 'delete' | 'anonymise' | 'reduce';
  readonly table: string;
  /** Hex. */
  readonly schemaSha256: string;
}

/** What the guard committed; see `StagedBatch` of the stores. */
export interface UnsealedBatch {
  readonly batch: string;
  readonly run: string;
  readonly step: number;
  readonly lane: number;
  /** Counts from 1 in its lane. */
  readonly seq: number;
  /** RFC 3339 UTC with microseconds, from the database clock. */
  readonly executedAt: string;
  readonly txid: string;
  readonly holdVersion: number;
  readonly parts: Readonly<Record<string, number>>;
  readonly keys: readonly (readonly string[])[];
}

/** What only the worker knows. */
export interface SealingContext {
  /** SHA-256 of the lane's previous header entry, hex; 64 zeros before the first. */
  readonly prev: string;
  readonly epoch: { readonly id: string; readonly key: Buffer };
  readonly signingKey: SigningKey;
  /** True when another worker than the one that destroyed does the sealing. */
  readonly recovered: boolean;
}

export interface BatchHeaderInput {
  readonly step: SealedStep;
  readonly batch: Omit<UnsealedBatch, 'keys'>;
  readonly items: { readonly count: number; readonly sha256: string };
  readonly context: Pick<SealingContext, 'prev' | 'recovered'> & {
    readonly keyEpoch: string;
    /** Name of the signing key. */
    readonly worker: string;
  };
}

/** What `SealedBatch` of the stores has beside who did the sealing. */
export interface Seal {
  readonly batch: string;
  readonly keyEpoch: string;
  /** The complete signed entry of the ledger. */
  readonly header: Buffer;
  readonly refs: Buffer;
  /** What the next header of the lane names as `prev`, hex. */
  readonly headerSha256: string;
}

const SHA256_HEX = /^[0-9a-f]{64}$/;
const MICROSECONDS_UTC = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;

/**
 * What the header says, before it is signed. Throws `INVARIANT_BROKEN` for a batch of another run or step,
 * a digest that is none, a time without microseconds or zone, and a chain that does not start with
 * `seq` 1.
 */
export function batchHeader({ step, batch, items, context }: BatchHeaderInput): JsonObject {
  checkHeader({ step, batch, items, context });
  return {
    v: 1,
    kind: 'batch',
    store: step.store,
    batch: batch.batch,
    run: step.run,
    step: step.step,
    lane: batch.lane,
    seq: batch.seq,
    prev: context.prev,
    class: step.recordClass,
    action: step.action,
    table: step.table,
    parts: batch.parts,
    rule: { id: step.rule, version: step.ruleVersion, sha256: step.ruleSha256 },
    approval: { id: step.run, sha256: planSha256(step) },
    schema_sha256: step.schemaSha256,
    executed_at: batch.executedAt,
    txid: batch.txid,
    holds: { checked: true, version: String(batch.holdVersion) },
    items: { count: items.count, len: REFERENCE_BYTES, order: 'asc', sha256: items.sha256 },
    key_epoch: context.keyEpoch,
    worker: context.worker,
    recovered: context.recovered,
  };
}

/**
 * Turns the staged keys of a batch into references and signs the header that binds them. Throws
 * `BATCH_MISMATCH` when a record is named twice, `INVARIANT_BROKEN` for a batch that destroyed
 * nothing, and as `batchHeader` and `signEntry` do.
 */
export function sealBatch(step: SealedStep, staged: UnsealedBatch, context: SealingContext): Seal {
  invariant(staged.keys.length > 0, 'A batch that destroyed nothing has no seal.');
  const key = runKey(context.epoch.key, staged.run);
  const refs = packReferences(key, staged.keys);
  key.fill(0);
  const { prev, recovered, signingKey, epoch } = context;
  const body = batchHeader({
    step,
    batch: staged,
    items: { count: staged.keys.length, sha256: sha256Hex(refs) },
    context: { prev, recovered, keyEpoch: epoch.id, worker: signingKey.name },
  });
  const header = signEntry('batch', body, signingKey);
  return {
    batch: staged.batch,
    keyEpoch: epoch.id,
    header,
    refs,
    headerSha256: sha256Hex(header),
  };
}

function checkHeader({ step, batch, items, context }: BatchHeaderInput): void {
  invariant(
    batch.run === step.run && batch.step === step.step,
    'The batch belongs to another step than the one it is sealed for.',
  );
  const digests = [
    planSha256(step),
    step.ruleSha256,
    step.schemaSha256,
    items.sha256,
    context.prev,
  ];
  for (const digest of digests) {
    invariant(SHA256_HEX.test(digest), 'A header names SHA-256 digests in lower-case hex.');
  }
  invariant(
    MICROSECONDS_UTC.test(batch.executedAt),
    'The time of a batch is RFC 3339 in UTC with microseconds.',
  );
  invariant(batch.seq >= 1, 'Sequence numbers count from 1.');
  invariant(
    (batch.seq === 1) === (context.prev === NO_PREVIOUS),
    'Exactly the first header of a lane has no predecessor.',
  );
}

function planSha256(step: SealedStep): string {
  return step.planDigest.replace(/^sha256:/, '');
}

function sha256Hex(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
