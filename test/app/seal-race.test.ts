import { expect, test } from 'vitest';
import { disposeSlice } from '../../app/dispose-slice.ts';
import { makeSealer } from '../../app/seal.ts';
import type { DisposalGuard } from '../../stores/store.ts';
import { begin, estate } from '../support/estate.ts';
import { brokenPromises } from '../support/estate-checks.ts';

test.each([1, 2, 3, 4])(
  'a lane goes on when the worker before it seals its last batch after look %i',
  async (late) => {
    const governed = await estate({ tenancies: 10, recordings: 60, seed: 3 });
    try {
      const { run, lanes } = await begin(governed);
      const { step = 0, lane: number = 0 } =
        lanes.find((one) => one.recordClass === 'recording') ?? {};
      const lane = { run, step, lane: number };
      const { guard } = governed;
      const { epochKeys, ledgerKeys } = governed.retain;
      const slow = await makeSealer({ guard, epochKeys, ledgerKeys, worker: 'slow' }, lane);
      const { fence } = await guard.claimLane(lane);
      const { staged } = await guard.disposeBatch(lane, fence, 20);

      let looks = 0;
      const thenSealed = async <T>(look: () => Promise<T>): Promise<T> => {
        const seen = await look();
        looks += 1;
        if (looks === late) await slow.seal(staged);
        return seen;
      };
      const racing: DisposalGuard = {
        ...guard,
        lastHeaderSha256: (id) => thenSealed(() => guard.lastHeaderSha256(id)),
        stagedBatches: (id) => thenSealed(() => guard.stagedBatches(id)),
      };
      const whole = { sliceRecords: 1_000, sliceMs: 60_000 };
      const hooks = { onBatch: () => undefined, cancelled: () => false };
      const deps = { guard: racing, epochKeys, ledgerKeys, worker: 'next', now: Date.now };
      const result = await disposeSlice(deps, { ...lane, ...whole }, hooks);
      expect(result).toMatchObject({ outcome: 'finished', totals: { destroyed: 54 } });
      expect(await brokenPromises(governed.sql)).toEqual({});
    } finally {
      await governed.end();
    }
  },
);
