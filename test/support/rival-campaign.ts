/** Several workers that each believe the lanes are theirs: what a lost heartbeat makes of two of them. */
import { type CrashReport, report, sliceTask, startSliceWorker } from './crash-campaign.ts';
import { begin, type EstateSize, estate } from './estate.ts';

/** All work all lanes at once; reports on the first, once every one has ended. */
export async function rivalCampaign(size: EstateSize, workers: number): Promise<CrashReport> {
  const governed = await estate(size);
  try {
    const task = sliceTask(governed, await begin(governed));
    const [first, ...others] = Array.from({ length: workers }, () => startSliceWorker(task));
    if (first === undefined) throw new Error('a campaign needs a worker');
    const ends = await Promise.all(others.map(({ ended }) => ended));
    const result = await report(governed, size.seed, 0, first);
    const failed = ends.find(({ exitCode }) => exitCode !== 0);
    return { ...result, ...failed };
  } finally {
    await governed.end();
  }
}
