import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { crashSite } from '../../support/crash-site.ts';
import { seeded } from '../../support/seeded.ts';

const KILLS = 50;
const TEMPORAL_EVERY = 15;
const LONGEST_LIFE_MS = 4_000;

test('50 kills of the worker process and 3 of Temporal: the run ends by itself, and its counts are right', async ({
  skip,
}) => {
  const seed = Date.now() % 1_000_000;
  const site = await crashSite({ tenancies: 150_000, recordings: 300_000, seed });
  if (site === undefined) return skip('the Temporal server of the environment is not ours to kill');
  try {
    const chance = seeded(seed);
    const lives: number[] = [];
    let worker = await site.startWorker();
    const run = await site.begin();
    for (let kill = 1; kill <= KILLS; kill += 1) {
      // Not a wait for anything: the moment itself is what chance decides.
      await delay(chance.integer(LONGEST_LIFE_MS));
      await worker.kill();
      lives.push(await site.destroyed());
      if (kill % TEMPORAL_EVERY === 0) await site.restartTemporal();
      worker = await site.startWorker();
    }
    const end = await site.closed(run, 10 * 60_000);
    const destroyed = await site.destroyed();
    // Lives in which something was destroyed.
    const working = new Set(lives).size;
    process.stderr.write(`${JSON.stringify({ seed, kills: KILLS, working, destroyed, ...end })}\n`);
    expect(end).toEqual({ outcome: 'completed', broken: {} });
    expect(destroyed).toBe(405_000);
    await worker.kill();
  } finally {
    await site.end();
  }
});
