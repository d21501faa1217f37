import { setTimeout as delay } from 'node:timers/promises';
import { RetentionError } from '../domain/errors.ts';
import { logTail, type ManagedProcess } from './managed-process.ts';

interface Readiness {
  readonly what: string;
  readonly process: ManagedProcess;
  readonly logFile: string;
  readonly timeoutMs: number;
  /** Resolves when the server answers, rejects while it does not. */
  readonly connect: () => Promise<unknown>;
}

const RETRY_MS = 50;

/**
 * Waits until a server answers. Throws `STORE_UNAVAILABLE` with the end of its log when it has ended
 * or does not answer in time; a server that is still running is then stopped.
 */
export async function untilReady(server: Readiness): Promise<void> {
  const deadline = performance.now() + server.timeoutMs;
  for (;;) {
    try {
      await server.connect();
      return;
    } catch (cause) {
      if (server.process.running() && performance.now() < deadline) {
        await delay(RETRY_MS);
        continue;
      }
      const fate = server.process.running() ? 'does not answer' : 'ended at once';
      await server.process.stop();
      throw new RetentionError(
        'STORE_UNAVAILABLE',
        `${server.what} ${fate}. The end of its log (${server.logFile}):\n${logTail(server.logFile)}`,
        {},
        cause,
      );
    }
  }
}
