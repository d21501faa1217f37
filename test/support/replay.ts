import { Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { inject } from 'vitest';
import { installRuntime } from '../../worker/logging.ts';
import './provided.ts';
import type { RecordedHistory } from './recorded.ts';

/**
 * Runs the workflow code of the present sources against a history, in the real sandbox and without a
 * server. Rejects unless it issues exactly the commands of the history in their order.
 */
export async function replay(history: RecordedHistory, workflowId: string): Promise<void> {
  installRuntime(pino({ level: 'silent' }));
  const bundle = inject('workflowBundlePath');
  await Worker.runReplayHistory({ workflowBundle: { codePath: bundle } }, history, workflowId);
}
