/** A whole run through Temporal: the workflows and a worker as in production, in this process. */
import type { Client } from '@temporalio/client';
import { pino } from 'pino';
import {
  connectTemporal,
  sendApply,
  sendDecision,
  startPurgeRun,
  waitForPurgeRun,
} from '../app/temporal-client.ts';
import { workerActivities } from '../worker/activities.ts';
import { workflowBundle } from '../worker/bundle.ts';
import { startWorker } from '../worker/run-worker.ts';
import { APPROVER, type Governed, REQUESTER, RULE, STORE, type Way } from './governed.ts';
import type { BenchServer } from './server.ts';

export interface EndToEnd {
  readonly way: Way;
  readonly client: Client;
  end(): Promise<void>;
}

/** Two slots, as many as there are lanes. */
const SLOTS = 2;

export async function endToEnd(server: BenchServer, governed: Governed): Promise<EndToEnd> {
  const { temporal } = server;
  if (!temporal) throw new Error('There is no Temporal server.');
  const logger = pino({ level: 'silent' });
  const activities = workerActivities(governed.retain, { queues: 'both', slots: SLOTS, logger });
  const worker = await startWorker({
    ...activities,
    connection: { address: temporal.address },
    namespace: temporal.namespace,
    bundlePath: await workflowBundle(server.dir),
    queues: 'both',
    slots: SLOTS,
    logger,
  });
  const link = await connectTemporal({
    connectionOptions: { address: temporal.address },
    namespace: temporal.namespace,
  });
  const { client } = link;
  return {
    client,
    way: {
      name: 'end to end',
      async approvedPlan(lanes) {
        const plan = await governed.plan(RULE, lanes);
        const { run, requestedBy, expiresAt } = plan.document;
        const { digest } = plan;
        await startPurgeRun(client, { run, store: STORE, digest, requestedBy, expiresAt });
        await sendDecision(client, run, 'approve', { actor: APPROVER, digest });
        return plan;
      },
      async carryOut(run) {
        await sendApply(client, run, { actor: REQUESTER });
        const { status } = await waitForPurgeRun(client, run);
        if (status !== 'completed') throw new Error(`The run ended ${status}.`);
      },
    },
    async end() {
      await link.close();
      await worker.stop();
      await activities.end();
    },
  };
}
