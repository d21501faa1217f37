/** Places that do not work: each is left alone for a while, longer with every failure, and told of once. */

export interface OutageSettings {
  /** Hears of a place that begins to fail, and when it fails in another way: its name and a code. */
  readonly report: (place: string, code: string) => void;
  /** Hears of a place that works again. */
  readonly recovered?: (place: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface Outages {
  /** False while a place that failed is left alone: 1 second at first, twice as long each time, 60 at the most. */
  mayAsk(place: string): boolean;
  failed(place: string, code: string): void;
  worked(place: string): void;
}

interface Outage {
  readonly code: string;
  readonly askedAt: number;
  readonly waitMs: number;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/** Nothing failed yet. A new process asks everybody once. */
export function noOutages({ report, recovered, now }: OutageSettings): Outages {
  const outages = new Map<string, Outage>();
  return {
    mayAsk: (place) => {
      const outage = outages.get(place);
      if (outage === undefined) return true;
      const elapsedMs = now() - outage.askedAt;
      // A clock that was set back must not keep a place waiting for as long.
      return elapsedMs < 0 || elapsedMs >= outage.waitMs;
    },
    failed: (place, code) => {
      const before = outages.get(place);
      const waitMs = before ? Math.min(before.waitMs * 2, LONGEST_WAIT_MS) : FIRST_WAIT_MS;
      outages.set(place, { code, askedAt: now(), waitMs });
      if (before?.code !== code) report(place, code);
    },
    worked: (place) => {
      if (outages.delete(place)) recovered?.(place);
    },
  };
}
