/** A litigation hold on a customer who is about to go, placed while the run works. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Sql, TransactionSql } from 'postgres';
import type { PlannedRun } from './planned-run.ts';
import type { Retain } from './retain.ts';
import { say } from './say.ts';

const POLL_MS = 5;
const GIVE_UP_MS = 30_000;

/**
 * Applies the run, places the hold once records are going, and watches to the end.
 *
 * A few thousand customers go in the blink of an eye, before anybody has typed a command. So the demo
 * keeps the lane of that step busy with a row lock, as another worker would, until the hold answers.
 * The run itself is neither paused nor told: the CCTV images go meanwhile.
 */
export async function applyWithHold(
  retain: Retain,
  sql: Sql,
  run: PlannedRun,
  customer: string,
): Promise<void> {
  let watching: Promise<string> | undefined;
  try {
    await sql.begin(async (tx) => {
      const apply = ['run', 'apply', run.shortId, '--as', 'amira'];
      await Promise.all([retain(apply), lockLanes(tx, run)]);
      await until('records to go', () => somethingWent(sql, run));
      say('\nThe run is at work. Now a letter from solicitors arrives, about a customer in it.');
      watching = retain(['run', 'watch', run.shortId], { together: true });
      watching.catch(() => undefined); // whoever waits below is told
      await retain(holdOn(customer), { together: true });
    });
  } finally {
    await watching;
  }
}

function holdOn(customer: string): string[] {
  const reviewOn = new Date(Date.now() + 90 * 86_400_000).toISOString().slice(0, 10);
  return [
    ...['hold', 'place', '--matter', 'HH-2026-014', '--open-matter', 'Claim about repairs'],
    ...['--subject', `customer:${customer}`, '--reason', 'litigation'],
    ...['--because', 'letter before claim', '--review', reviewOn, '--as', 'carla'],
  ];
}

/** Waits for the lanes to be made, and locks those of the customers before a worker claims them. */
async function lockLanes(tx: TransactionSql, run: PlannedRun): Promise<void> {
  await until('the run to open', async () => {
    const lanes = await tx`
      select from retain_guard.lane
       where run_id = ${run.id} and step_no = ${run.customerStep} for update`;
    return lanes.length > 0;
  });
}

async function somethingWent(sql: Sql, run: PlannedRun): Promise<boolean> {
  const [row] = await sql<{ went: boolean }[]>`
    select exists (select from retain_guard.batch where run_id = ${run.id}) as went`;
  return row?.went === true;
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + GIVE_UP_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await delay(POLL_MS);
  }
}
