/** Everything that is said to a run in Temporal, typed, with time limits and with errors of ours. */
import { randomUUID } from 'node:crypto';
import {
  Client,
  Connection,
  type ConnectionOptions,
  type WorkflowClient,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/client';
import type { UpdateDefinition } from '@temporalio/common';
import { ORCHESTRATE_QUEUE } from '../activities/contract.ts';
import {
  type Apply,
  apply,
  approve,
  type ControlRequest,
  type ControlWord,
  type Decision,
  disposeStepWorkflowId,
  KEEP_LEDGER,
  KEEP_LEDGER_WORKFLOW_ID,
  PURGE_RUN,
  type PurgePhase,
  type PurgeProgress,
  type PurgeRunInput,
  type PurgeRunResult,
  pause,
  progress,
  purgeRunWorkflowId,
  reject,
  resume,
  type StepProgress,
  stepProgress,
  stop,
} from '../workflows/messages.ts';
import { toRetentionError, unavailable, withTimeLimit } from './temporal-errors.ts';

const CONNECT_MS = 5_000;
/** Without a worker nothing accepts: after this long we say so. */
const ACCEPT_MS = 10_000;
/** The activities behind an update give up after 45 s; this is a little more. */
const ANSWER_MS = 60_000;

export interface TemporalConfig {
  readonly connectionOptions: ConnectionOptions;
  readonly namespace?: string | undefined;
}

export interface TemporalLink {
  readonly client: Client;
  close(): Promise<void>;
}

/** Connects within 5 seconds, or throws `TEMPORAL_UNAVAILABLE`. */
export async function connectTemporal(config: TemporalConfig): Promise<TemporalLink> {
  let connection: Connection;
  try {
    connection = await Connection.connect({
      ...config.connectionOptions,
      connectTimeout: CONNECT_MS,
    });
  } catch (error) {
    throw unavailable(error);
  }
  const client = new Client({
    connection,
    ...(config.namespace !== undefined && { namespace: config.namespace }),
  });
  return { client, close: () => connection.close() };
}

/** Starts the run's workflow; starting it again changes nothing. Needs no worker. */
export async function startPurgeRun(client: Client, input: PurgeRunInput): Promise<void> {
  await translated(client, input.run, async () => {
    try {
      await withTimeLimit(client, ACCEPT_MS, () =>
        client.workflow.start(PURGE_RUN, {
          taskQueue: ORCHESTRATE_QUEUE,
          workflowId: purgeRunWorkflowId(input.run),
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          args: [input],
        }),
      );
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  });
}

/** Starts the workflow that keeps the ledger; there is never a second one. */
export async function startKeepingLedger(client: Client): Promise<void> {
  try {
    await client.workflow.start(KEEP_LEDGER, {
      taskQueue: ORCHESTRATE_QUEUE,
      workflowId: KEEP_LEDGER_WORKFLOW_ID,
      workflowIdConflictPolicy: 'USE_EXISTING',
      args: [],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw unavailable(error);
  }
}

/**
 * Approves or rejects. Throws `APPROVAL_SAME_PERSON`, `APPROVAL_DIGEST`, `APPROVAL_TWICE`,
 * `PLAN_REJECTED`, `PLAN_EXPIRED`, `WORKER_UNAVAILABLE`, or what the database refused.
 */
export function sendDecision(
  client: Client,
  run: string,
  decision: 'approve' | 'reject',
  asked: Decision,
): Promise<{ decidedAt: string }> {
  return ask(client, run, decision === 'approve' ? approve : reject, asked);
}

/** Opens and begins an approved run. A refusal, such as `PLAN_STALE`, leaves it approved. */
export function sendApply(client: Client, run: string, asked: Apply): Promise<{ steps: number }> {
  return ask(client, run, apply, asked);
}

/** Resolves when the database says so: the next batch obeys. */
export function sendControl(
  client: Client,
  run: string,
  control: ControlWord,
  asked: ControlRequest,
): Promise<PurgePhase> {
  return ask(client, run, { run: resume, pause, stop }[control], asked);
}

/** The phase and the counts of every step, those of the running one asked of the step itself. */
export function queryProgress(client: Client, run: string): Promise<PurgeProgress> {
  return translated(client, run, () =>
    withTimeLimit(client, ACCEPT_MS, async () => {
      const known = await client.workflow.getHandle(purgeRunWorkflowId(run)).query(progress);
      const steps = await Promise.all(
        known.steps.map((step) => withOwnCounts(client.workflow, run, step)),
      );
      return { ...known, steps };
    }),
  );
}

/** Waits for the end. Throws `RUN_INCOMPLETE`, its facts naming the code behind it. */
export function waitForPurgeRun(client: Client, run: string): Promise<PurgeRunResult> {
  return translated(
    client,
    run,
    () => client.workflow.getHandle(purgeRunWorkflowId(run)).result() as Promise<PurgeRunResult>,
  );
}

async function withOwnCounts(
  workflows: WorkflowClient,
  run: string,
  step: StepProgress,
): Promise<StepProgress> {
  if (step.state !== 'running') return step;
  try {
    const handle = workflows.getHandle(disposeStepWorkflowId(run, step.step));
    return { ...step, totals: await handle.query(stepProgress) };
  } catch {
    // Begun a moment ago: it does not exist yet, and has done nothing.
    return step;
  }
}

/**
 * Sends one command. Its id is new for every command and the same for every attempt of the gRPC client,
 * so a lost answer does not carry a command out twice. It is not made of the actor and the digest: the
 * server remembers the outcome of an id, a failure too, and asking again must ask again.
 */
function ask<Answer, Asked>(
  client: Client,
  run: string,
  update: UpdateDefinition<Answer, [Asked]>,
  asked: Asked,
): Promise<Answer> {
  return translated(client, run, async () => {
    const handle = client.workflow.getHandle(purgeRunWorkflowId(run));
    const accepted = await withTimeLimit(client, ACCEPT_MS, () =>
      handle.startUpdate(update, {
        args: [asked],
        updateId: `${update.name}/${randomUUID()}`,
        waitForStage: 'ACCEPTED',
      }),
    );
    return withTimeLimit(client, ANSWER_MS, () => accepted.result());
  });
}

async function translated<T>(client: Client, run: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw await toRetentionError(client, run, error);
  }
}
