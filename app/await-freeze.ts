/** Waiting, for a bounded time, until the writers older than a hold have ended. */
import { setTimeout as delay } from 'node:timers/promises';
import type { StoreConnection } from '../stores/postgres/connection.ts';
import { confirmFreeze, type Freeze } from '../stores/postgres/freeze-state.ts';

export const FREEZE_WAIT_MS = 10_000;
const POLL_MS = 100;

/** What is so when the hold is frozen or `waitMs` are over: the hold is in force in both cases. */
export async function awaitFreeze(
  connection: StoreConnection,
  holdNo: number,
  waitMs: number,
): Promise<Freeze> {
  const startedAt = performance.now();
  for (;;) {
    const freeze = await confirmFreeze(connection, holdNo);
    if (freeze.waitsFor.length === 0 || performance.now() - startedAt >= waitMs) return freeze;
    await delay(POLL_MS);
  }
}
