import { Context } from '@temporalio/activity';

// A third of the 30 s after which the server gives a worker up: two beats may be lost.
const BEAT_MS = 10_000;

/**
 * Heartbeats while `work` runs, whatever it waits for: a batch behind a lock is alive, and only a
 * heartbeat's answer brings a cancellation. `beat` also says how far the work is, as counts.
 */
export async function beating<T>(
  work: (beat: (details: unknown) => void) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  let latest: unknown;
  const beat = (details: unknown): void => {
    latest = details;
    context.heartbeat(details);
  };
  const timer = setInterval(() => context.heartbeat(latest), BEAT_MS);
  try {
    return await work(beat);
  } finally {
    clearInterval(timer);
  }
}
