import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { disposeActivities } from '../../activities/dispose-slice.ts';
import { NO_COUNTS } from '../../domain/disposal.ts';

const input = { run: '7f3a', store: 'housing', step: 1, lane: 1, sliceRecords: 10, sliceMs: 1_000 };
const totals = { ...NO_COUNTS, picked: 7, destroyed: 7 };

function interrupted(outcome: 'continue' | 'finished', why: Record<string, boolean>) {
  const env = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
  const { disposeSlice } = disposeActivities(async (_, hooks) => {
    expect(hooks.cancelled()).toBe(false);
    env.cancel('CANCELLED', new ActivityCancellationDetails(why));
    expect(hooks.cancelled()).toBe(true);
    return { outcome, totals };
  });
  return env.run(disposeSlice, input);
}

test('every batch is a heartbeat that carries counts', async () => {
  const env = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
  const beats: unknown[] = [];
  env.on('heartbeat', (details: unknown) => beats.push(details));
  const { disposeSlice } = disposeActivities(async (_, { onBatch }) => {
    onBatch(NO_COUNTS);
    onBatch(totals);
    return { outcome: 'finished', totals };
  });
  await expect(env.run(disposeSlice, input)).resolves.toEqual({ outcome: 'finished', totals });
  expect(beats).toEqual([NO_COUNTS, totals]);
});

test('a stopping worker hands its lane on as a failure that is tried again', async () => {
  await expect(interrupted('continue', { workerShutdown: true })).rejects.toMatchObject({
    code: 'WORKER_UNAVAILABLE',
    kind: 'transient',
  });
});

test('a cancelled run ends its slice as cancelled', async () => {
  await expect(interrupted('continue', { cancelRequested: true })).rejects.toMatchObject({
    name: 'CancelledFailure',
  });
});

test('a slice that reached its end is finished, whatever was asked meanwhile', async () => {
  await expect(interrupted('finished', { cancelRequested: true })).resolves.toMatchObject({
    outcome: 'finished',
  });
});
