/** One thing that is looked at, and what is said of it. */
import { setTimeout } from 'node:timers/promises';
import { RetentionError } from '../domain/errors.ts';

export interface Checked {
  /** `control database`, `store housing: guard` … */
  readonly what: string;
  readonly state: 'ok' | 'warning' | 'error';
  /** A code of ours where there is one. */
  readonly code?: string;
  readonly message: string;
}

export interface Look {
  readonly what: string;
  /** A plain sentence when all is well. Throws a `RetentionError` for what is not as it must be. */
  readonly look: () => Promise<string | Omit<Checked, 'what'>>;
}

/** What whoever looks goes by. */
export interface Looking {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** What is under way is waited for until then, by the clock of `performance`. */
  readonly patientUntil: number;
}

const LOOK_AGAIN_MS = 250;

/** What a look found; one that fails is found wrong. Throws only what nobody foresaw. */
export async function looked({ what, look }: Look): Promise<Checked> {
  try {
    const found = await look();
    return typeof found === 'string' ? { what, state: 'ok', message: found } : { what, ...found };
  } catch (error) {
    return wrong(what, error);
  }
}

/** An error of ours as what is said of the thing; any other is thrown. */
export function wrong(what: string, error: unknown): Checked {
  if (!(error instanceof RetentionError)) throw error;
  return { what, state: 'error', code: error.code, message: error.message };
}

/** Looks again while something lags: a head that was signed this moment is on its way. */
export async function patiently<T>(
  { patientUntil }: Pick<Looking, 'patientUntil'>,
  look: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await look();
    } catch (error) {
      const lags = error instanceof RetentionError && error.code === 'LEDGER_LAGS';
      if (!lags || performance.now() >= patientUntil) throw error;
    }
    await setTimeout(LOOK_AGAIN_MS);
  }
}
