/** Turning committed batches into log entries: the keys become references, the batch gets its header. */
import type { LaneId } from '../domain/disposal.ts';
import { RetentionError } from '../domain/errors.ts';
import { sealBatch } from '../ledger/batch-header.ts';
import type { SigningKey } from '../ledger/ed25519.ts';
import { keyCommitment } from '../ledger/references.ts';
import type { DisposalGuard, StagedBatch, StepDescription } from '../stores/store.ts';
import type { EpochKeys } from './epoch-keys.ts';
import type { LedgerKeys } from './ledger-keys.ts';

export interface SealingDependencies {
  readonly guard: DisposalGuard;
  readonly epochKeys: EpochKeys;
  /** The worker key signs the batch headers, which say its name. Asked for with every batch. */
  readonly ledgerKeys: Pick<LedgerKeys, 'worker'>;
  /** Name of this process, for operations. */
  readonly worker: string;
}

export interface Sealer {
  /** Seals one batch of this attempt. Throws `SIGNER_REVOKED` when this worker has a revoked key and no other. */
  seal(staged: StagedBatch | undefined): Promise<void>;
  /** Seals whatever the lane has unsealed, as recovered: somebody else destroyed it. */
  recover(): Promise<void>;
}

/** Opens the epoch key first: without a key there is no proof, and without proof no deletion. */
export async function makeSealer(deps: SealingDependencies, lane: LaneId): Promise<Sealer> {
  const step: StepDescription = await deps.guard.describeStep(lane.run, lane.step);
  const epoch = await deps.epochKeys.forWriting(step.recordClass);
  await deps.guard.registerEpoch(epoch.id, keyCommitment(epoch.key), epoch.destroyAfter);
  let prev = await deps.guard.lastHeaderSha256(lane);
  const sealBy = async (signingKey: SigningKey, staged: StagedBatch, recovered: boolean) => {
    const seal = sealBatch(step, staged, { prev, epoch, signingKey, recovered });
    const fresh = await deps.guard.sealBatch({ ...seal, sealedBy: deps.worker, recovered });
    prev = fresh ? seal.headerSha256 : await deps.guard.lastHeaderSha256(lane);
  };
  const sealOne = async (staged: StagedBatch, recovered: boolean) => {
    const key = await deps.ledgerKeys.worker();
    try {
      await sealBy(key, staged, recovered);
    } catch (error) {
      if (!(error instanceof RetentionError) || error.code !== 'SIGNER_REVOKED') throw error;
      // It was read just before another took its place.
      const current = await deps.ledgerKeys.worker();
      if (current.name === key.name) throw error;
      await sealBy(current, staged, recovered);
    }
  };
  return {
    seal: async (staged) => {
      if (staged) await sealOne(staged, false);
    },
    recover: async () => {
      // The worker before us may still be sealing: what is left and what it follows must be of one moment.
      let left: readonly StagedBatch[];
      do {
        prev = await deps.guard.lastHeaderSha256(lane);
        left = await deps.guard.stagedBatches(lane);
      } while (prev !== (await deps.guard.lastHeaderSha256(lane)));
      for (const staged of left) await sealOne(staged, true);
    },
  };
}

/**
 * Seals what any worker left unsealed for at least `waitingSeconds`, and answers how many lanes had
 * something. Two workers that do this at once, or beside the lane's own worker, do no harm: a batch is
 * sealed once.
 */
export async function sealBacklog(
  deps: SealingDependencies,
  waitingSeconds: number,
): Promise<number> {
  const lanes = await deps.guard.lanesToSeal(waitingSeconds);
  for (const lane of lanes) await (await makeSealer(deps, lane)).recover();
  return lanes.length;
}
