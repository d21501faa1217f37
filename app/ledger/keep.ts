/** Keeping the ledger: round after round while there is something to append, and seldom otherwise. */
import { setTimeout } from 'node:timers/promises';
import { ledgerRound, type Round, type RoundDependencies, type TroubledStore } from './round.ts';
import { requireHead } from './sequence.ts';

export interface KeepHooks {
  readonly signal: AbortSignal;
  readonly onRound: (round: Round) => void;
}

/** What is destroyed shall be in a signed tree within a second or two. */
const PAUSE_MS = 1_000;
/** When nothing has come for a while, one look in five seconds is enough. */
const IDLE_PAUSE_MS = 5_000;
const IDLE_AFTER_ROUNDS = 30;
/** The turn ends, so that what it answers is never much older than this. */
const TURN_MS = 60_000;

export interface KeptTurn {
  /** Entries appended. */
  readonly entries: number;
  /** Entries in all. */
  readonly size: number;
  /** Stores that the last round could not follow. */
  readonly troubled: readonly TroubledStore[];
}

/** Answers what one turn did. A failed round ends it: whoever called decides when to look again. */
export async function keepLedger(
  deps: RoundDependencies,
  { signal, onRound }: KeepHooks,
): Promise<KeptTurn> {
  // Not the clock of the round, which somebody may set back.
  const startedAt = performance.now();
  let entries = 0;
  let { size } = await requireHead(deps.ledger);
  let troubled: readonly TroubledStore[] = [];
  let idleRounds = 0;
  while (!signal.aborted && performance.now() - startedAt < TURN_MS) {
    const round = await ledgerRound(deps);
    onRound(round);
    entries += round.entries;
    ({ size, troubled } = round);
    idleRounds = round.entries > 0 ? 0 : idleRounds + 1;
    await pause(idleRounds > IDLE_AFTER_ROUNDS ? IDLE_PAUSE_MS : PAUSE_MS, signal);
  }
  return { entries, size, troubled };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => undefined);
}
