/** The loop that works a lane: batch after batch, each one transaction, sealed while the next one runs. */
import { setImmediate, setTimeout } from 'node:timers/promises';
import {
  addCounts,
  type BatchCounts,
  type LaneId,
  NO_COUNTS,
  type SliceResult,
} from '../domain/disposal.ts';
import { RetentionError } from '../domain/errors.ts';
import type { BatchResult, StagedBatch } from '../stores/store.ts';
import { makeSealer, type SealingDependencies } from './seal.ts';

export interface SliceDependencies extends SealingDependencies {
  /** Milliseconds since 1970, of this machine. */
  readonly now: () => number;
  /** Resolves after so many milliseconds; a timer when missing. */
  readonly delay?: (ms: number) => Promise<unknown>;
}

export interface SliceInput extends LaneId {
  readonly sliceRecords: number;
  readonly sliceMs: number;
}

export interface SliceHooks {
  /** Totals of the lane so far, after every batch. */
  onBatch(totals: BatchCounts): void;
  /** True when the loop must end after the batch in hand. */
  cancelled(): boolean;
}

/** A worker whose clock is this far from the store's is misconfigured; nothing it says of time is safe. */
const CLOCK_SKEW_MS = 60_000;
/** A hold waits for the batches in flight: this long each, more or less. */
const BATCH_TARGET_MS = 100;
const SMALLEST_BATCH_RECORDS = 250;
const LARGEST_BATCH_RECORDS = 10_000;
const FIRST_BATCH_RECORDS = 2_000;
/** While the ledger does not follow: the guard is asked again this often, */
const LEDGER_POLL_MS = 1_000;
/** and after this long the slice fails, so that people see it. The run goes on with the next attempt. */
const LEDGER_PATIENCE_MS = 30_000;

/**
 * Works one lane until the slice is full, the lane is finished, or somebody says stop. Claims the lane
 * first, which fences every earlier attempt, and seals what such an attempt left behind. Totals are
 * read back from the store. A crash anywhere loses nothing: cursor, log and deletion moved together.
 * While the ledger does not follow nothing is destroyed: waits for it, and throws `LEDGER_LAGS` after 30 s.
 */
export async function disposeSlice(
  deps: SliceDependencies,
  input: SliceInput,
  hooks: SliceHooks,
): Promise<SliceResult> {
  const lane: LaneId = { run: input.run, step: input.step, lane: input.lane };
  await refuseSkewedClock(deps);
  const claimed = await deps.guard.claimLane(lane);
  const sealer = await makeSealer(deps, lane);
  await sealer.recover();

  const startedAt = deps.now();
  const ledger = ledgerPatience(deps, lane);
  let worked = NO_COUNTS;
  const over = (): boolean =>
    hooks.cancelled() ||
    worked.picked >= input.sliceRecords ||
    deps.now() - startedAt >= input.sliceMs;
  let limit = FIRST_BATCH_RECORDS;
  let waiting: StagedBatch | undefined;
  let ended: SliceResult['outcome'] | undefined;
  while (ended === undefined) {
    const batchStartedAt = deps.now();
    const [batch] = await both(
      deps.guard.disposeBatch(lane, claimed.fence, limit),
      sent().then(() => sealer.seal(waiting)),
    );
    waiting = batch.staged;
    worked = addCounts(worked, batch.counts);
    hooks.onBatch(addCounts(claimed.totals, worked));
    limit = nextLimit(limit, batch, deps.now() - batchStartedAt);
    if (batch.outcome === 'unsealed') await sealer.recover();
    else if (batch.outcome === 'worked' || batch.outcome === 'unintegrated') {
      if (over()) ended = 'continue';
      else await ledger.after(batch.outcome);
    } else ended = batch.outcome;
  }
  await sealer.seal(waiting);
  const { totals } = await deps.guard.laneState(lane);
  return { outcome: ended, totals };
}

async function refuseSkewedClock({ guard, now }: SliceDependencies): Promise<void> {
  const skewMs = Math.abs(Date.parse(await guard.clock()) - now());
  if (skewMs > CLOCK_SKEW_MS) {
    throw new RetentionError(
      'CLOCK_SKEW',
      `The clocks of this worker and of the store are ${Math.round(skewMs / 1000)} s apart. Set the worker's clock.`,
      { skewMs: Math.round(skewMs) },
    );
  }
}

/** Waits a little after each `unintegrated`, and throws once they have gone on for too long. */
function ledgerPatience({ now, delay = setTimeout }: SliceDependencies, lane: LaneId) {
  let since: number | undefined;
  return {
    async after(outcome: 'worked' | 'unintegrated'): Promise<void> {
      if (outcome === 'worked') {
        since = undefined;
        return;
      }
      since ??= now();
      if (now() - since >= LEDGER_PATIENCE_MS) {
        throw new RetentionError(
          'LEDGER_LAGS',
          'Batches have waited for their place in the ledger for over a minute. Does a worker write it?',
          { run: lane.run, step: lane.step, lane: lane.lane },
        );
      }
      await delay(LEDGER_POLL_MS);
    },
  };
}

/** Follows the time a batch takes: a full batch that was quick may grow, a slow one shrinks. */
function nextLimit(limit: number, batch: BatchResult, elapsedMs: number): number {
  if (batch.counts.picked < limit) return limit;
  const fitting = Math.round((limit * BATCH_TARGET_MS) / Math.max(elapsedMs, 1));
  const bounded = Math.min(Math.max(fitting, Math.round(limit / 2)), limit * 2);
  return Math.min(Math.max(bounded, SMALLEST_BATCH_RECORDS), LARGEST_BATCH_RECORDS);
}

/**
 * Two turns of the event loop: by then the driver has written the statement to its socket, which it puts
 * off by one turn. Hashing holds the loop for milliseconds, and without this it would come first, with
 * the store idle meanwhile.
 */
async function sent(): Promise<void> {
  await setImmediate();
  await setImmediate();
}

/** Waits for both, whichever fails: an abandoned promise would end the process. */
async function both<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second]);
  if (a.status === 'rejected') throw a.reason;
  if (b.status === 'rejected') throw b.reason;
  return [a.value, b.value];
}
