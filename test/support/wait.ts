import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** What is waited for, as the end of "waited … for": `the run to finish`. */
  readonly what: string;
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

type Falsy = false | undefined | null | 0 | '';

/**
 * Polls until `condition` answers something true, and returns that. When time is over it throws with
 * what was waited for, the last answer, and the last error as the cause.
 */
export async function waitFor<T>(
  condition: () => T | Falsy | Promise<T | Falsy>,
  options: WaitOptions,
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const startedAt = performance.now();
  let last: unknown;
  let failure: unknown;
  for (;;) {
    try {
      const answer = await condition();
      if (answer) return answer;
      last = answer;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (performance.now() - startedAt >= timeoutMs) break;
    await delay(options.everyMs ?? 25);
  }
  const ending = failure instanceof Error ? `failed: ${failure.message}` : `was ${String(last)}`;
  throw new Error(`waited ${timeoutMs} ms for ${options.what}; the last answer ${ending}`, {
    cause: failure,
  });
}
