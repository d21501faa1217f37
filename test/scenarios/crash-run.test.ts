import { expect, test } from 'vitest';
import { crashSite } from '../support/crash-site.ts';
import { waitFor } from '../support/wait.ts';

test('a run ends by itself after its worker was killed in mid-slice and Temporal in between', async ({
  skip,
}) => {
  const site = await crashSite({ tenancies: 20_000, recordings: 60_000, seed: 20_261_123 });
  if (site === undefined) return skip('the Temporal server of the environment is not ours to kill');
  try {
    const first = await site.startWorker();
    const run = await site.begin();
    await waitFor(async () => (await site.destroyed()) > 2_000, {
      what: 'the first batches',
      everyMs: 5,
    });
    await first.kill();
    expect(await site.destroyed()).toBeLessThan(72_000);
    await site.restartTemporal();
    const second = await site.startWorker();
    expect(await site.closed(run, 110_000)).toEqual({ outcome: 'completed', broken: {} });
    expect(await site.destroyed()).toBe(72_000);
    await second.kill();
  } finally {
    await site.end();
  }
}, 180_000);
