import { expect, test } from 'vitest';
import { readEnv } from '../../config/env.ts';
import { connectTemporal, queryProgress, sendDecision, startPurgeRun } from '../../app/temporal-client.ts';
import { startTemporal } from '../../embedded/temporal.ts';
import { findTemporal } from '../../embedded/temporal-binary.ts';
import { DIGEST } from '../support/temporal-run.ts';
test('down', async () => {
  const location = await findTemporal({ env: readEnv(), onProgress: () => undefined });
  if (location.kind !== 'binary') throw new Error('no');
  const server = await startTemporal({ binary: location.path, namespace: 'retain' });
  const link = await connectTemporal({ connectionOptions: { address: server.address }, namespace: 'retain' });
  await server.stop();
  for (const call of [
    () => startPurgeRun(link.client, { run: 'x', store: 'h', digest: DIGEST, requestedBy: 'a', expiresAt: 'b' }),
    () => sendDecision(link.client, 'x', 'approve', { actor: 'b', digest: DIGEST }),
    () => queryProgress(link.client, 'x'),
  ]) {
    const t = performance.now();
    const e = await call().catch((e) => e);
    console.log(e.code, e.message, Math.round(performance.now() - t), e.cause?.message);
    expect(e.code).toBe('TEMPORAL_UNAVAILABLE');
  }
  await link.close();
});
