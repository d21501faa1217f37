/** The keeper of the ledger as it runs beside the lanes in a worker, and how far it is behind them. */
import { delivery } from '../app/ledger/delivery.ts';
import { keepLedger } from '../app/ledger/keep.ts';
import type { LogSink } from '../app/ledger/publish.ts';
import { ledgerRound, type RoundDependencies } from '../app/ledger/round.ts';
import type { StoreLedger } from '../stores/postgres/ledger-source.ts';
import { type Governed, STORE } from './governed.ts';

/** Milliseconds from the end of the work until everything of it was there. */
export interface Lag {
  readonly signedMs: number;
  readonly publishedMs: number;
}

export interface Keeper {
  /** Appends, signs and publishes what waits. */
  settle(): Promise<void>;
  /** Does the work with the keeper beside it, in the same process. */
  beside<T>(work: () => Promise<T>): Promise<{ readonly answer: T; readonly lag: Lag }>;
}

export function keeperOf(
  { retain }: Governed,
  store: StoreLedger,
  sinks: readonly LogSink[],
): Keeper {
  const { ledger } = retain.control;
  let signedAt = 0;
  const deps: RoundDependencies = {
    ledger,
    keys: retain.ledgerKeys,
    signer: {
      ...retain.ledgerSigner,
      sign: async (head, proof) => {
        const note = await retain.ledgerSigner.sign(head, proof);
        signedAt = performance.now();
        return note;
      },
    },
    stores: async () => [STORE],
    open: async () => store,
    readSealed: (_, batch) => store.sealed(batch),
    delivery: delivery({
      ...{ sinks, ledger, now: Date.now },
      // However long it takes: that is what is measured.
      patienceMs: 600_000,
      signedSize: async () => (await retain.ledgerSigner.last())?.size ?? 0,
      report: (place, code) => {
        throw new Error(`${place}: ${code}`);
      },
    }),
    now: Date.now,
  };
  const settle = async (): Promise<void> => {
    const { troubled } = await ledgerRound(deps);
    for (const { code } of troubled) throw new Error(`The ledger cannot follow: ${code}`);
  };
  return {
    settle,
    async beside(work) {
      const ending = new AbortController();
      const keeping = turns(deps, ending.signal);
      // Told when it is waited for, and not before.
      keeping.catch(() => undefined);
      try {
        const answer = await work();
        const endedAt = performance.now();
        ending.abort();
        await keeping;
        await settle();
        const lag = {
          signedMs: Math.max(0, signedAt - endedAt),
          publishedMs: performance.now() - endedAt,
        };
        return { answer, lag };
      } finally {
        ending.abort();
        await keeping.catch(() => undefined);
      }
    },
  };
}

/** Turn after turn, as the workflow asks for them. */
async function turns(deps: RoundDependencies, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await keepLedger(deps, { signal, onRound: () => undefined });
}
