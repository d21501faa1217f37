/** The worker process of the memory figure: carries one approved run out and tells its peak. */
import { governed } from './governed.ts';
import type { MemoryTask } from './memory.ts';

const task = JSON.parse(process.argv[2] ?? '{}') as MemoryTask;
const guarded = await governed(task, false);
try {
  await guarded.lanesOnly.carryOut(task.run);
} finally {
  await guarded.end();
}
// Kilobytes, the largest this process ever was.
process.send?.(process.resourceUsage().maxRSS);
