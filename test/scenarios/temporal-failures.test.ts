import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  connectTemporal,
  queryProgress,
  sendApply,
  sendControl,
  sendDecision,
  type TemporalLink,
  waitForPurgeRun,
} from '../../app/temporal-client.ts';
import { RetentionError } from '../../domain/errors.ts';
import { freePorts } from '../../embedded/ports.ts';
import { disposeStepWorkflowId, purgeRunWorkflowId } from '../../workflows/messages.ts';
import { FakeRun, gate } from '../support/fake-run.ts';
import { fetchRecorded, keepRecorded, payloadsOf } from '../support/recorded.ts';
import { replay } from '../support/replay.ts';
import { begin, connect, DIGEST, workerFor } from '../support/temporal-run.ts';
import { waitFor } from '../support/wait.ts';

let link: TemporalLink;
beforeAll(async () => {
  link = await connect();
});
afterAll(() => link.close());

async function approveAndApply(run: string): Promise<void> {
  await sendDecision(link.client, run, 'approve', { actor: 'benedict', digest: DIGEST });
  await sendApply(link.client, run, { actor: 'amira' });
}

test('a fenced or failing slice is tried again, and the run ends by itself', async () => {
  const fake = new FakeRun([{ step: 1, lanes: 1, recordsPerLane: 50 }]);
  const errors = [
    new RetentionError('FENCED', 'Another attempt has the lane.'),
    new RetentionError('STORE_UNAVAILABLE', 'The store does not answer.'),
  ];
  fake.beforeBatch = async () => {
    const error = errors.shift();
    if (error) throw error;
  };
  await workerFor(fake);
  const { run } = await begin(link);
  await approveAndApply(run);
  expect(await waitForPurgeRun(link.client, run)).toMatchObject({ destroyed: 50 });
  expect(fake.slices).toHaveLength(3);
});

// PostgreSQL quotes values in its messages: `Key (email)=(…) already exists`.
test('what a driver says of a record stays out of the history', async () => {
  const canary = 'canary-7f3a@example.org';
  const fake = new FakeRun([{ step: 1, lanes: 1, recordsPerLane: 10 }]);
  const driverError = (code: string) =>
    Object.assign(new Error(`Key (email)=(${canary}) already exists.`), {
      code,
      detail: canary,
      cause: new Error(canary),
    });
  fake.failing.push({ name: 'recordDecision', error: driverError('23505') });
  const shown: string[] = [];
  let broken = false;
  fake.beforeBatch = async () => {
    if (broken) return;
    broken = true;
    throw driverError('CONNECTION_CLOSED');
  };
  fake.failing.push({
    name: 'closeRun',
    error: new RetentionError('STORE_REJECTED', 'The store said no.', {}, driverError('42501')),
  });
  await workerFor(fake);
  const { run } = await begin(link);
  await approveAndApply(run);
  await expect(waitForPurgeRun(link.client, run)).rejects.toMatchObject({
    code: 'RUN_INCOMPLETE',
    facts: { code: 'STORE_REJECTED' },
  });
  for (const id of [purgeRunWorkflowId(run), disposeStepWorkflowId(run, 1)]) {
    const history = await link.client.workflow.getHandle(id).fetchHistory();
    shown.push(Buffer.from(JSON.stringify(history)).toString());
    for (const { value } of payloadsOf(await fetchRecorded(link.client, id)))
      shown.push(JSON.stringify(value));
  }
  expect(shown.join('\n')).not.toContain(canary);
  // The twin: what we do say is found by the same search.
  expect(shown.join('\n')).toContain('The store said no.');
});

test('a worker that stops lets its slice end after the batch, and the next one continues', async () => {
  const fake = new FakeRun([{ step: 1, lanes: 1, recordsPerLane: 1_000 }]);
  const held = gate();
  let stopping: Promise<void> | undefined;
  const first = await workerFor(fake);
  fake.beforeBatch = async (_, left) => {
    if (left !== 700 || stopping) return;
    stopping = first.stop();
    await held.passed;
  };
  const { run } = await begin(link, {
    pace: { sliceRecords: 10_000, sliceMs: 60_000, eventsPerRun: 3_000 },
  });
  await approveAndApply(run);
  await waitFor(() => stopping !== undefined, { what: 'the first worker to be stopped' });
  await workerFor(fake);
  held.open();
  await stopping;
  expect(await waitForPurgeRun(link.client, run)).toMatchObject({ destroyed: 1_000 });
  expect(fake.slices.length).toBeGreaterThan(1);
});

test('a long step goes on in a new history, and is paused and resumed there as before', async () => {
  const fake = new FakeRun([{ step: 1, lanes: 2, recordsPerLane: 200 }]);
  const late = gate();
  fake.beforeBatch = async ({ lane }, left) => {
    if (lane === 1 && left === 20) await late.passed;
  };
  await workerFor(fake);
  const { run } = await begin(link, {
    pace: { sliceRecords: 20, sliceMs: 60_000, eventsPerRun: 40 },
  });
  await approveAndApply(run);
  await waitFor(() => fake.destroyed === 380, { what: 'the last batch but two' });
  const handle = link.client.workflow.getHandle(disposeStepWorkflowId(run, 1));
  const { runId } = await handle.describe();
  const firstRunId = await firstRunOf(handle.workflowId);
  expect(runId).not.toBe(firstRunId);
  const known = await queryProgress(link.client, run);
  expect(known.steps[0]?.totals.destroyed).toBeGreaterThanOrEqual(300);

  const why = { actor: 'benedict', reason: 'the backup runs' };
  await sendControl(link.client, run, 'pause', why);
  late.open();
  await waitFor(() => fake.inFlight === 0, { what: 'the lanes to pause' });
  await sendControl(link.client, run, 'run', why);
  expect(await waitForPurgeRun(link.client, run)).toMatchObject({ destroyed: 400 });

  const history = await fetchRecorded(link.client, disposeStepWorkflowId(run, 1), firstRunId);
  await replay(history, disposeStepWorkflowId(run, 1));
  keepRecorded('step-continued-as-new', history);
});

async function firstRunOf(workflowId: string): Promise<string> {
  const { workflowExecutionInfo } = await link.client.workflowService.describeWorkflowExecution({
    namespace: link.client.options.namespace,
    execution: { workflowId },
  });
  return workflowExecutionInfo?.firstRunId ?? '';
}

test('a command that no worker accepts says so within seconds, and that it may still be done', async () => {
  const { run } = await begin(link);
  const asked = sendDecision(link.client, run, 'approve', { actor: 'benedict', digest: DIGEST });
  await expect(asked).rejects.toMatchObject({
    code: 'WORKER_UNAVAILABLE',
    kind: 'transient',
    message: expect.stringMatching(/may still be carried out/),
  });
});

test('a run that Temporal does not know is named', async () => {
  const asked = sendApply(link.client, 'nowhere', { actor: 'amira' });
  await expect(asked).rejects.toMatchObject({ code: 'PLAN_UNKNOWN', facts: { run: 'nowhere' } });
});

test('a server that does not answer is one clear error', async () => {
  const [port] = await freePorts(1);
  const startedAt = performance.now();
  const connecting = connectTemporal({ connectionOptions: { address: `127.0.0.1:${port}` } });
  await expect(connecting).rejects.toMatchObject({ code: 'TEMPORAL_UNAVAILABLE' });
  expect(performance.now() - startedAt).toBeLessThan(7_000);
});
