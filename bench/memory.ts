/** Peak memory of a worker process that works a run of one lane, small and large. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { refill } from './data.ts';
import { type Figure, target } from './figures.ts';
import type { Governed } from './governed.ts';
import type { BenchServer } from './server.ts';

const CHILD = fileURLToPath(new URL('./memory-child.ts', import.meta.url));
const FLAT_WITHIN_MB = 30;
/** As the image runs the worker: a young generation that is collected early, instead of one that grows. */
const WORKER_HEAP = '--max-semi-space-size=2';

/** What the child is told, as its only argument. */
export interface MemoryTask {
  readonly url: string;
  readonly dir: string;
  readonly run: string;
}

/** Works runs of a tenth of the due records and of all of them, each in a process of its own. */
export async function measureMemory(
  server: BenchServer,
  governed: Governed,
  records: number,
): Promise<Figure[]> {
  const peaks: Figure[] = [];
  for (const size of [Math.round(records / 10), records]) {
    await refill(server.sql, size);
    const plan = await governed.lanesOnly.approvedPlan(1);
    const megabytes = await peakMegabytes({
      url: server.url,
      dir: server.dir,
      run: plan.document.run,
    });
    peaks.push({
      what: `peak memory of a worker, ${size.toLocaleString('en-GB')} records`,
      value: megabytes,
      unit: 'MB',
    });
  }
  const growth = (peaks[1]?.value ?? Number.NaN) - (peaks[0]?.value ?? 0);
  return [
    ...peaks,
    {
      what: 'growth between them',
      value: growth,
      unit: 'MB',
      target: target(growth, '<=', FLAT_WITHIN_MB),
    },
  ];
}

function peakMegabytes(task: MemoryTask): Promise<number> {
  const execArgv = [...process.execArgv, WORKER_HEAP];
  const child = fork(CHILD, [JSON.stringify(task)], { stdio: 'inherit', execArgv });
  return new Promise((resolve, reject) => {
    let megabytes: number | undefined;
    child.on('message', (kilobytes: number) => {
      megabytes = kilobytes / 1024;
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (megabytes === undefined) reject(new Error(`The worker process ended with ${code}.`));
      else resolve(megabytes);
    });
  });
}
