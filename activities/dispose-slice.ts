import { Context } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import type { BatchCounts, SliceResult } from '../domain/disposal.ts';
import { RetentionError } from '../domain/errors.ts';
import type { DisposeActivities, DisposeSliceInput } from './contract.ts';
import { beating } from './heartbeat.ts';

/** How the slice's loop talks to whoever runs it, between two batches. */
export interface SliceHooks {
  readonly onBatch: (totals: BatchCounts) => void;
  /** True when the loop must end after the batch in hand. */
  readonly cancelled: () => boolean;
}

/** The slice itself: many batches, each one transaction; bound to its stores by the worker. */
export type RunSlice = (input: DisposeSliceInput, hooks: SliceHooks) => Promise<SliceResult>;

/**
 * One slice of a lane as an activity. Ends between batches when the worker shuts down (another worker
 * then continues at the lane's cursor) or when the run is cancelled; never within one.
 */
export function disposeActivities(runSlice: RunSlice): DisposeActivities {
  return {
    disposeSlice: (input) =>
      beating(async (beat) => {
        const { cancellationSignal } = Context.current();
        const result = await runSlice(input, {
          onBatch: beat,
          cancelled: () => cancellationSignal.aborted,
        });
        if (result.outcome === 'continue' && cancellationSignal.aborted) throw interruption();
        return result;
      }),
  };
}

function interruption(): Error {
  if (Context.current().cancellationDetails?.cancelRequested) {
    return new CancelledFailure('The slice ended after its batch: the run was cancelled.');
  }
  return new RetentionError(
    'WORKER_UNAVAILABLE',
    'The slice ended after its batch because its worker stops; another attempt continues.',
  );
}
