/** What the workflow that keeps the ledger says of itself, from real workers, and what is said in their place. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { queryLedgerKeeping } from '../../app/ledger/ask-keeper.ts';
import { folderSink } from '../../app/ledger/folder-sink.ts';
import { startKeepingLedger } from '../../app/temporal-client.ts';
import { workerActivities } from '../../worker/activities.ts';
import { NO_PUBLICATION, type Publication } from '../../worker/publication.ts';
import { type Queues, type RunningWorker, startWorker } from '../../worker/run-worker.ts';
import { KEEP_LEDGER_WORKFLOW_ID } from '../../workflows/messages.ts';
import { type LedgerSite, ledgerSite } from '../support/ledger-site.ts';
import { type OwnNamespace, ownNamespace } from '../support/own-namespace.ts';
import { waitFor } from '../support/wait.ts';

const SOON_MS = 45_000;
const MINUTE_MS = 60_000;

let site: LedgerSite;
let own: OwnNamespace;
let home: string;
let stops: (() => Promise<void>)[];
beforeEach(async () => {
  [site, own] = await Promise.all([ledgerSite(), ownNamespace()]);
  home = await mkdtemp(join(tmpdir(), 'retain-keeping-'));
  stops = [];
});
afterEach(async () => {
  for (const stop of stops) await stop();
  await own.close();
  await site.end();
  await rm(home, { recursive: true });
});

async function work(
  queues: Queues = 'both',
  publication: Partial<Publication> = {},
): Promise<RunningWorker> {
  const logger = pino({ level: 'silent' });
  const settings = { queues, slots: 1, logger };
  const activities = workerActivities(site.governed.retain, {
    ...settings,
    publication: { ...NO_PUBLICATION, ...publication },
  });
  const worker = await startWorker({
    ...activities,
    ...settings,
    connection: { address: inject('temporalAddress') },
    namespace: own.namespace,
    bundlePath: inject('workflowBundlePath'),
    graceMs: 0,
  });
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= worker.stop().then(() => activities.end());
    return stopping;
  };
  stops.push(stop);
  return { done: worker.done, stop };
}

const said = () => queryLedgerKeeping(own.client);
const until = <T>(what: string, look: () => Promise<T | false | undefined>) =>
  waitFor(look, { what, timeoutMs: SOON_MS });

test('nobody has begun, a worker keeps it, nobody works: three different answers', async () => {
  expect(await said()).toBeUndefined();
  const bad = join(home, 'file');
  await writeFile(bad, '');
  const good = folderSink(join(home, 'log'));
  const first = await work('both', {
    sinks: [good, folderSink(bad)],
    tsaUrl: 'http://127.0.0.1:1',
  });
  await until('the log to be published', () => good.readCheckpoint());
  // Before its first turn has ended nothing is known.
  expect(await said()).toEqual({ size: 0 });
  await first.stop();
  const second = await work('both');
  const kept = await until('the first turn to be told', async () => {
    const answer = await said();
    return answer !== undefined && answer.size > 0 && answer;
  });
  expect(kept.undelivered).toEqual(
    expect.arrayContaining([
      { place: bad, code: 'LEDGER_SINK_UNAVAILABLE' },
      { place: 'timestamps', code: 'TIMESTAMP_UNAVAILABLE' },
    ]),
  );
  expect(kept).not.toHaveProperty('stoppedBy');
  await second.stop();
  await expect(said()).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
});

test('turns that fail are told with their code, and no more when the cause is mended', async () => {
  const folder = join(site.governed.keyDir, '_ledger');
  await rename(join(folder, 'log.key'), join(folder, '.log.key'));
  await work();
  const failing = await until('a turn to fail', async () => {
    const answer = await said();
    return answer?.stoppedBy !== undefined && answer;
  });
  expect(failing).toEqual({ size: 0, stoppedBy: 'LEDGER_KEY_MISSING' });
  await rename(join(folder, '.log.key'), join(folder, 'log.key'));
  await until('a turn that works', async () => {
    const answer = await said();
    return answer !== undefined && answer.stoppedBy === undefined;
  });
});

test('turns that no worker takes are told after a minute', async () => {
  await work('orchestrate');
  await startKeepingLedger(own.client);
  const scheduled = async () => {
    const { raw } = await own.client.workflow.getHandle(KEEP_LEDGER_WORKFLOW_ID).describe();
    return (raw.pendingActivities ?? []).length > 0;
  };
  await until('the first turn to wait', scheduled);
  expect(await said()).toEqual({ size: 0 });
  const later = () => Date.now() + MINUTE_MS + 5_000;
  expect(await queryLedgerKeeping(own.client, later)).toEqual({
    size: 0,
    stoppedBy: 'WORKER_UNAVAILABLE',
  });
});

test('a keeper that somebody ended is not taken for one that keeps, and the next worker begins another', async () => {
  const worker = await work();
  await until('an answer', said);
  await own.client.workflow.getHandle(KEEP_LEDGER_WORKFLOW_ID).terminate('by hand');
  await expect(said()).rejects.toMatchObject({
    code: 'WORKER_UNAVAILABLE',
    message: expect.stringMatching(/ended in Temporal \(terminated\)\. Restart a worker/),
  });
  await worker.stop();
  await work();
  expect(await until('an answer', said)).toMatchObject({ size: 0 });
});
