/** What Temporal throws at a client, as errors of ours. */
import {
  type Client,
  isGrpcDeadlineError,
  isGrpcServiceError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { type ErrorFacts, isErrorCode, RetentionError } from '../domain/errors.ts';
import { type PurgeRunResult, purgeRunWorkflowId } from '../workflows/messages.ts';

const PROBE_MS = 2_000;

/**
 * The `RetentionError` for anything a call about `run` threw: the code that a workflow or an activity
 * gave, `PLAN_UNKNOWN` or how the run ended when it is over, `WORKER_UNAVAILABLE` when Temporal answers
 * and nobody works, else `TEMPORAL_UNAVAILABLE`.
 */
export async function toRetentionError(
  client: Client,
  run: string,
  error: unknown,
): Promise<RetentionError> {
  if (error instanceof RetentionError) return error;
  if (error instanceof WorkflowUpdateFailedError || error instanceof WorkflowFailedError) {
    return fromFailure(error.cause);
  }
  if (error instanceof WorkflowNotFoundError) return endedOrUnknown(client, run);
  return silence(client, error, { run });
}

/** `WORKER_UNAVAILABLE` when Temporal answers and nobody works, else `TEMPORAL_UNAVAILABLE`. */
export async function silence(
  client: Client,
  error: unknown,
  facts: ErrorFacts = {},
): Promise<RetentionError> {
  if (isTimeout(error)) return nobodyAnswers(client, facts);
  if (isGrpcServiceError(error) || isGrpcServiceError(causeOf(error))) return unavailable(error);
  return new RetentionError('INVARIANT_BROKEN', 'Temporal failed in an unknown way.', {}, error);
}

export function unavailable(cause: unknown): RetentionError {
  return new RetentionError(
    'TEMPORAL_UNAVAILABLE',
    'Temporal does not answer: check TEMPORAL_ADDRESS and whether the server runs. ' +
      'Holds, and an emergency stop in the database, work without it.',
    {},
    cause,
  );
}

function fromFailure(failure: unknown): RetentionError {
  let found: RetentionError | undefined;
  for (let at = failure; at instanceof Error; at = at.cause) {
    if (at instanceof CancelledFailure) {
      found ??= new RetentionError('RUN_STOPPED', 'The run was cancelled in Temporal.');
    }
    if (at instanceof ApplicationFailure && at.type && isErrorCode(at.type)) {
      found = new RetentionError(at.type, at.message, factsOf(at.details?.[0]), failure);
    }
  }
  return (
    found ?? new RetentionError('INVARIANT_BROKEN', 'The run failed unexpectedly.', {}, failure)
  );
}

function factsOf(detail: unknown): ErrorFacts {
  if (typeof detail !== 'object' || detail === null) return {};
  const entries = Object.entries(detail).filter(([, value]) =>
    ['string', 'number', 'boolean'].includes(typeof value),
  );
  return Object.fromEntries(entries);
}

/** Temporal says "not found" of a run it never had, and of an update or query to one that is over. */
async function endedOrUnknown(client: Client, run: string): Promise<RetentionError> {
  const handle = client.workflow.getHandle(purgeRunWorkflowId(run));
  let status: string;
  try {
    status = (await withTimeLimit(client, PROBE_MS, () => handle.describe())).status.name;
  } catch (error) {
    return error instanceof WorkflowNotFoundError
      ? new RetentionError('PLAN_UNKNOWN', `Temporal knows no run ${run}.`, { run })
      : unavailable(error);
  }
  if (status !== 'COMPLETED') {
    return new RetentionError('RUN_NOT_OPEN', `The run is over: ${status.toLowerCase()}.`, { run });
  }
  const result = await withTimeLimit(
    client,
    PROBE_MS,
    () => handle.result() as Promise<PurgeRunResult>,
  );
  return ended(run, result.status);
}

const ENDS = {
  rejected: ['PLAN_REJECTED', 'The plan was rejected.'],
  expired: ['PLAN_EXPIRED', 'The plan has expired: make a new one.'],
  stopped: ['RUN_STOPPED', 'The run was stopped.'],
  completed: ['RUN_NOT_OPEN', 'The run is completed.'],
} as const;

function ended(run: string, status: PurgeRunResult['status']): RetentionError {
  const [code, message] = ENDS[status];
  return new RetentionError(code, message, { run });
}

async function nobodyAnswers(client: Client, facts: ErrorFacts): Promise<RetentionError> {
  try {
    await withTimeLimit(client, PROBE_MS, () => client.workflowService.getSystemInfo({}));
  } catch (error) {
    return unavailable(error);
  }
  return new RetentionError(
    'WORKER_UNAVAILABLE',
    'No worker answers: start one with `retain worker`. What was asked may still be carried out ' +
      'when one comes, so look at the run before asking again.',
    facts,
  );
}

function isTimeout(error: unknown): boolean {
  return error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || isGrpcDeadlineError(error);
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

/** Calls with one deadline for all attempts of the gRPC client. */
export function withTimeLimit<T>(
  client: Client,
  limitMs: number,
  call: () => Promise<T>,
): Promise<T> {
  return client.withDeadline(new Date(Date.now() + limitMs), call);
}
