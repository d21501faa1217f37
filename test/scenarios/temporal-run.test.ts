import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  queryProgress,
  sendApply,
  sendControl,
  sendDecision,
  startPurgeRun,
  type TemporalLink,
  waitForPurgeRun,
} from '../../app/temporal-client.ts';
import { RetentionError } from '../../domain/errors.ts';
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

const benedict = { actor: 'benedict', digest: DIGEST };
const oneLane = [{ step: 1, lanes: 1, recordsPerLane: 50 }];

/** What ran must replay; and it is kept, so that it must replay after every later change too. */
async function record(name: string, workflowId: string): Promise<void> {
  const history = await fetchRecorded(link.client, workflowId);
  for (const { bytes } of payloadsOf(history)) expect(bytes).toBeLessThan(8_192);
  await replay(history, workflowId);
  keepRecorded(name, history);
}

async function approveAndApply(run: string): Promise<void> {
  await sendDecision(link.client, run, 'approve', benedict);
  await sendApply(link.client, run, { actor: 'amira' });
}

test('a plan is approved, applied, paused, resumed and completed, in two lanes side by side', async () => {
  const fake = new FakeRun([
    { step: 1, lanes: 2, recordsPerLane: 250 },
    { step: 2, lanes: 1, recordsPerLane: 20 },
  ]);
  const halfway = gate();
  let together = 0;
  fake.beforeBatch = async (_, left) => {
    together = Math.max(together, fake.inFlight);
    if (left === 130) await halfway.passed;
  };
  await workerFor(fake);
  const { run } = await begin(link);
  await approveAndApply(run);

  const reached = await waitFor(
    async () => {
      const known = await queryProgress(link.client, run);
      return fake.destroyed === 240 && known.steps[0]?.totals.destroyed === 200 && known;
    },
    { what: 'both lanes to reach the gate in their second slice' },
  );
  expect(reached).toMatchObject({ phase: 'running', decidedBy: 'benedict', appliedBy: 'amira' });
  expect(reached.steps.map(({ state }) => state)).toEqual(['running', 'waiting']);

  const why = { actor: 'benedict', reason: 'the backup runs' };
  expect(await sendControl(link.client, run, 'pause', why)).toBe('paused');
  halfway.open();
  await waitFor(() => fake.inFlight === 0, { what: 'the lanes to pause' });
  expect(fake.destroyed).toBe(240);
  expect((await queryProgress(link.client, run)).phase).toBe('paused');
  expect(await sendControl(link.client, run, 'run', why)).toBe('running');

  expect(await waitForPurgeRun(link.client, run)).toEqual({
    run,
    status: 'completed',
    destroyed: 520,
    withheld: 0,
  });
  expect(together).toBe(2);
  expect(fake.controls.map(({ control }) => control)).toEqual(['pause', 'run']);
  expect(fake.closed).toEqual([{ run, store: 'housing', stopped: false }]);
  await record('run-approved-paused-resumed-completed', purgeRunWorkflowId(run));
  await record('step-two-lanes-paused-resumed', disposeStepWorkflowId(run, 1));
});

describe('approval', () => {
  test('is refused to the requester, for another digest and the second time; nothing is written', async () => {
    const fake = new FakeRun(oneLane);
    await workerFor(fake);
    const { run } = await begin(link);
    const ask = (actor: string, digest = DIGEST) =>
      sendDecision(link.client, run, 'approve', { actor, digest });

    await expect(ask('amira')).rejects.toMatchObject({ code: 'APPROVAL_SAME_PERSON' });
    await expect(ask(' Amira ')).rejects.toMatchObject({ code: 'APPROVAL_SAME_PERSON' });
    await expect(ask(' ')).rejects.toMatchObject({ code: 'USAGE' });
    await expect(ask('benedict', 'sha256:00')).rejects.toMatchObject({ code: 'APPROVAL_DIGEST' });
    await expect(sendApply(link.client, run, { actor: 'amira' })).rejects.toMatchObject({
      code: 'APPROVAL_MISSING',
    });
    expect(fake.decisions).toEqual([]);

    await ask(' Benedict ');
    expect(fake.decisions).toMatchObject([{ actor: 'benedict', decision: 'approve' }]);
    await expect(ask('chiara')).rejects.toMatchObject({ code: 'APPROVAL_TWICE' });
    await expect(ask('benedict')).rejects.toMatchObject({ code: 'APPROVAL_TWICE' });
    expect(fake.decisions).toHaveLength(1);
    expect(fake.opened).toEqual([]);
  });

  test('follows the database: what it refuses is not approved, and can be asked again', async () => {
    const fake = new FakeRun(oneLane);
    fake.failing.push({
      name: 'recordDecision',
      error: new RetentionError('APPROVAL_SAME_PERSON', 'Refused by the database.', { run: 'x' }),
    });
    await workerFor(fake);
    const { run } = await begin(link);
    const refused = sendDecision(link.client, run, 'approve', benedict);
    await expect(refused).rejects.toMatchObject({
      code: 'APPROVAL_SAME_PERSON',
      message: 'Refused by the database.',
      facts: { run: 'x' },
    });
    expect((await queryProgress(link.client, run)).phase).toBe('awaiting-approval');
    await sendDecision(link.client, run, 'approve', benedict);
    expect((await queryProgress(link.client, run)).phase).toBe('approved');
  });

  test('of two people who decide in one breath, one is heard', async () => {
    const fake = new FakeRun(oneLane);
    await workerFor(fake);
    const { run } = await begin(link);
    const answers = await Promise.allSettled([
      sendDecision(link.client, run, 'approve', benedict),
      sendDecision(link.client, run, 'reject', { actor: 'chiara', digest: DIGEST }),
    ]);
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(fake.decisions).toHaveLength(1);
  });

  test('a rejected plan is over', async () => {
    const fake = new FakeRun(oneLane);
    await workerFor(fake);
    const { run } = await begin(link);
    // The requester may withdraw what they asked for.
    await sendDecision(link.client, run, 'reject', { actor: 'amira', digest: DIGEST });
    expect(await waitForPurgeRun(link.client, run)).toMatchObject({ status: 'rejected' });
    await expect(sendDecision(link.client, run, 'approve', benedict)).rejects.toMatchObject({
      code: 'PLAN_REJECTED',
    });
    expect(fake.destroyed).toBe(0);
    await record('run-rejected', purgeRunWorkflowId(run));
  });

  test('a plan that nobody applies in time expires, approved or not', async () => {
    const fake = new FakeRun(oneLane);
    await workerFor(fake);
    const soon = () => new Date(Date.now() + 1_500).toISOString();
    const silent = await begin(link, { expiresAt: soon() });
    const late = await begin(link, { expiresAt: soon() });
    await sendDecision(link.client, late.run, 'approve', benedict);
    for (const { run } of [silent, late]) {
      expect(await waitForPurgeRun(link.client, run)).toMatchObject({ status: 'expired' });
      await expect(sendApply(link.client, run, { actor: 'amira' })).rejects.toMatchObject({
        code: 'PLAN_EXPIRED',
      });
    }
    expect(fake.opened).toEqual([]);
    await record('run-expired', purgeRunWorkflowId(silent.run));
    await record('run-approved-expired', purgeRunWorkflowId(late.run));
  });
});

describe('applying', () => {
  test('a refusal is the answer to whoever asked, and the plan can be applied again', async () => {
    const fake = new FakeRun(oneLane);
    fake.failing.push({ name: 'openRun', error: new RetentionError('PLAN_STALE', 'Stale.') });
    await workerFor(fake);
    const { run } = await begin(link);
    await sendDecision(link.client, run, 'approve', benedict);
    await expect(sendApply(link.client, run, { actor: 'amira' })).rejects.toMatchObject({
      code: 'PLAN_STALE',
    });
    expect(fake.destroyed).toBe(0);
    await sendApply(link.client, run, { actor: 'amira' });
    expect(await waitForPurgeRun(link.client, run)).toMatchObject({ status: 'completed' });
    await record('run-refused-then-applied', purgeRunWorkflowId(run));
  });

  test('starting the same run twice starts it once', async () => {
    const fake = new FakeRun(oneLane);
    await workerFor(fake);
    const input = await begin(link);
    await startPurgeRun(link.client, input);
    await approveAndApply(input.run);
    expect(await waitForPurgeRun(link.client, input.run)).toMatchObject({ destroyed: 50 });
    await startPurgeRun(link.client, input);
    expect(fake.closed).toHaveLength(1);
  });
});

describe('ending early', () => {
  test('stop ends the run after the batches in flight; later steps are not begun', async () => {
    const fake = new FakeRun([...oneLane, { step: 2, lanes: 1, recordsPerLane: 50 }]);
    const held = gate();
    fake.beforeBatch = (_, left) => (left === 20 ? held.passed : Promise.resolve());
    await workerFor(fake);
    const { run } = await begin(link);
    await approveAndApply(run);
    await waitFor(() => fake.destroyed === 30, { what: 'the third batch' });
    await sendControl(link.client, run, 'stop', { actor: 'benedict', reason: 'wrong plan' });
    held.open();
    expect(await waitForPurgeRun(link.client, run)).toMatchObject({
      status: 'stopped',
      destroyed: 30,
    });
    expect(fake.closed).toMatchObject([{ stopped: true }]);
    expect(fake.slices.map(({ step }) => step)).toEqual([1]);
    await expect(
      sendControl(link.client, run, 'run', { actor: 'benedict', reason: '' }),
    ).rejects.toMatchObject({ code: 'RUN_STOPPED' });
    await record('run-stopped', purgeRunWorkflowId(run));
    await record('step-stopped', disposeStepWorkflowId(run, 1));
  });

  test('a step that must not go on leaves the run incomplete, closed, and says which code', async () => {
    const fake = new FakeRun([{ step: 1, lanes: 2, recordsPerLane: 50 }]);
    const drifted = gate();
    fake.beforeBatch = async ({ lane }, left) => {
      if (left !== 20) return;
      if (lane === 2) {
        drifted.open();
        throw new RetentionError('SCHEMA_DRIFT', 'The table has changed.', { table: 'public.t' });
      }
      await drifted.passed;
    };
    await workerFor(fake);
    const { run } = await begin(link);
    await approveAndApply(run);
    await expect(waitForPurgeRun(link.client, run)).rejects.toMatchObject({
      code: 'RUN_INCOMPLETE',
      facts: { run, step: 1, code: 'SCHEMA_DRIFT' },
    });
    expect(fake.closed).toEqual([
      { run, store: 'housing', stopped: false, failure: 'SCHEMA_DRIFT' },
    ]);
    // Counting while the other lane still destroys would be a wrong report.
    expect(fake.inFlightWhenClosed).toBe(0);
    await record('run-incomplete', purgeRunWorkflowId(run));
  });

  test('records that are left without a reason make the run incomplete', async () => {
    const fake = new FakeRun(oneLane);
    fake.closeRun = async () => ({ outcome: 'incomplete', destroyed: 49, withheld: 0 });
    await workerFor(fake);
    const { run } = await begin(link);
    await approveAndApply(run);
    await expect(waitForPurgeRun(link.client, run)).rejects.toMatchObject({
      code: 'RUN_INCOMPLETE',
      facts: { run, code: 'RUN_INCOMPLETE', destroyed: 49 },
    });
  });

  test('cancelling the workflow stops the run between batches and closes it', async () => {
    const fake = new FakeRun([{ step: 1, lanes: 1, recordsPerLane: 1_000_000 }]);
    await workerFor(fake);
    const { run } = await begin(link, {
      pace: { sliceRecords: 10_000_000, sliceMs: 60_000, eventsPerRun: 3_000 },
    });
    await approveAndApply(run);
    await waitFor(() => fake.destroyed > 0, { what: 'the first batch' });
    await link.client.workflow.getHandle(purgeRunWorkflowId(run)).cancel();
    expect(await waitForPurgeRun(link.client, run)).toMatchObject({ status: 'stopped' });
    expect(fake.controls).toMatchObject([{ control: 'stop', actor: 'temporal' }]);
    expect(fake.inFlightWhenClosed).toBe(0);
    await record('run-cancelled', purgeRunWorkflowId(run));
  });

  test('cancelling before anything was opened changes nothing', async () => {
    const fake = new FakeRun(oneLane);
    await workerFor(fake);
    const { run } = await begin(link);
    await link.client.workflow.getHandle(purgeRunWorkflowId(run)).cancel();
    await expect(waitForPurgeRun(link.client, run)).rejects.toMatchObject({ code: 'RUN_STOPPED' });
    expect([fake.opened, fake.controls, fake.closed]).toEqual([[], [], []]);
  });
});
