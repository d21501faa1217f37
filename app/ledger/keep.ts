/** Keeping the ledger: round after round while there is something to append, and seldom otherwise. */
import { setTimeout } from 'node:timers/promises';
import type { Round, RoundDependencies } from './round.ts';
import { ledgerRound } from './round.ts';

export interface KeepHooks {
  readonly signal: AbortSignal;
  readonly onRound: (round: Round) => void;
}

/** What is destroyed shall be in a signed tree within a second or two. */
const PAUSE_MS = 1_000;
/** When nothing has come for a while, one look in five seconds is enough. */
const IDLE_PAUSE_MS = 5_000;
const IDLE_AFTER_ROUNDS = 30;
/** The turn ends, so that a deploy of the workflow is never minutes away. */
const TURN_MS = 300_000;

/** Answers what one turn did. A failed round ends it: whoever called decides when to look again. */
export async function keepLedger(
  deps: RoundDependencies,
  { signal, onRound }: KeepHooks,
): Promise<{ entries: number; size: number }> {
  // Not the clock of the round, which somebody may set back.
  const startedAt = performance.now();
  let entries = 0;
  let size = 0;
  let idleRounds = 0;
  while (!signal.aborted && performance.now() - startedAt < TURN_MS) {
    const round = await ledgerRound(deps);
    onRound(round);
    entries += round.entries;
    size = round.size;
    idleRounds = round.entries > 0 ? 0 : idleRounds + 1;
    await pause(idleRounds > IDLE_AFTER_ROUNDS ? IDLE_PAUSE_MS : PAUSE_MS, signal);
  }
  return { entries, size };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => undefined);
}
