/** A namespace of a test's own on the Temporal server of the global setup: there is one keeper of a ledger in each. */
import { randomUUID } from 'node:crypto';
import { msToTs } from '@temporalio/common/lib/time.js';
import { inject } from 'vitest';
import { connectTemporal, type TemporalLink } from '../../app/temporal-client.ts';
import './provided.ts';
import { waitFor } from './wait.ts';

export interface OwnNamespace extends TemporalLink {
  readonly namespace: string;
}

const DAY_MS = 86_400_000;
/** The server's parts hear of a namespace one after the other. */
const KNOWN_WITHIN_MS = 30_000;

export async function ownNamespace(): Promise<OwnNamespace> {
  const namespace = `test-${randomUUID()}`;
  const link = await connectTemporal({
    connectionOptions: { address: inject('temporalAddress') },
    namespace,
  });
  const { workflowService } = link.client;
  const workflowExecutionRetentionPeriod = msToTs(DAY_MS);
  await workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
  const known = async () => {
    await workflowService.listWorkflowExecutions({ namespace });
    return true;
  };
  await waitFor(known, { what: 'the namespace to be known', timeoutMs: KNOWN_WITHIN_MS });
  return { ...link, namespace };
}
