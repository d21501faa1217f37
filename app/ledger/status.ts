/** How far the ledger is behind what the databases have for it. */
import { setTimeout } from 'node:timers/promises';
import { type Retain, scheduleInForce } from '../context.ts';
import { withLedger } from './open-ledger.ts';
import { requireHead } from './sequence.ts';

export interface LedgerStatus {
  readonly origin: string;
  /** Entries with an index. */
  readonly size: number;
  /** Statements and batches without one. */
  readonly waiting: number;
  /** How long the oldest of those has waited: by its store's clock, statements of the control database by ours. */
  readonly oldestSeconds: number;
  /** Entries under the newest signed head; 0 before the first. */
  readonly signedSize: number;
  /** RFC 3339 UTC; undefined before the first. */
  readonly signedAt: string | undefined;
}

const MOST_OUTBOX_ROWS = 1_000;
const LOOK_MS = 250;
const MS_PER_SECOND = 1_000;

/** Throws `LEDGER_MISSING` before the ledger begins. */
export function ledgerStatus(retain: Retain, now = Date.now): Promise<LedgerStatus> {
  return withLedger(retain, async ({ store }) => {
    const { ledger } = retain.control;
    const { schedule } = await scheduleInForce(retain);
    // What waits is asked for first: what has left the queue by then is in the head that is read after it.
    let waiting = 0;
    let oldestSeconds = 0;
    for (const name of Object.keys(schedule.stores)) {
      const has = await (await store(`store:${name}`)).waiting();
      waiting += has.events.length + has.batches.length;
      oldestSeconds = Math.max(oldestSeconds, has.oldestSeconds);
    }
    const outbox = await ledger.pending(MOST_OUTBOX_ROWS);
    waiting += outbox.length;
    for (const { at } of outbox) {
      oldestSeconds = Math.max(oldestSeconds, (now() - Date.parse(at)) / MS_PER_SECOND);
    }
    const { origin, size } = await requireHead(ledger);
    const newest = await ledger.checkpoint();
    return {
      origin,
      size,
      waiting,
      oldestSeconds,
      signedSize: newest?.size ?? 0,
      signedAt: newest?.signedAt,
    };
  });
}

/**
 * Waits until everything that waits now is under a signed head, for at most `limitMs`, and answers the
 * last look. A worker keeps the ledger; without one nothing moves.
 */
export async function settledLedger(retain: Retain, limitMs: number): Promise<LedgerStatus> {
  const until = Date.now() + limitMs;
  for (;;) {
    const status = await ledgerStatus(retain);
    const settled = status.waiting === 0 && status.signedSize >= status.size;
    if (settled || Date.now() >= until) return status;
    await setTimeout(LOOK_MS);
  }
}
