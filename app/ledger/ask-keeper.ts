/** Asking the workflow that keeps the ledger how it is. */
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { RetentionError } from '../../domain/errors.ts';
import {
  KEEP_LEDGER_WORKFLOW_ID,
  type LedgerKeeping,
  ledgerKeeping,
} from '../../workflows/messages.ts';
import { silence, withTimeLimit } from '../temporal-errors.ts';

const ANSWER_MS = 10_000;
/** A turn that no worker takes for so long has nobody to take it. */
const UNTAKEN_MS = 60_000;
const MS_PER_SECOND = 1_000;
const SCHEDULED = 1;

type Description = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['describe']>>;

/**
 * What the keeper of the ledger says of itself; undefined before the first worker started it. A turn that
 * failed and waits for its next attempt counts as what stops it. Throws `WORKER_UNAVAILABLE` when nobody
 * works, when nobody takes its turns, and when its workflow was ended by hand; `TEMPORAL_UNAVAILABLE`.
 */
export async function queryLedgerKeeping(
  client: Client,
  now: () => number = Date.now,
): Promise<LedgerKeeping | undefined> {
  const handle = client.workflow.getHandle(KEEP_LEDGER_WORKFLOW_ID);
  try {
    return await withTimeLimit(client, ANSWER_MS, async () => {
      const described = await handle.describe();
      // A workflow that has ended still answers, as it was.
      if (described.status.name !== 'RUNNING') throw ended(described.status.name);
      const state = await handle.query(ledgerKeeping);
      const stoppedBy = state.stoppedBy ?? failingTurn(described, now());
      return stoppedBy === undefined ? state : { ...state, stoppedBy };
    });
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error instanceof RetentionError ? error : await silence(client, error);
  }
}

/** The code of a turn that failed and is not under way again; `WORKER_UNAVAILABLE` when nobody takes it. */
function failingTurn({ raw }: Description, nowMs: number): string | undefined {
  const [turn] = raw.pendingActivities ?? [];
  if (turn?.state !== SCHEDULED) return undefined;
  if (turn.lastFailure)
    return turn.lastFailure.applicationFailureInfo?.type ?? 'WORKER_UNAVAILABLE';
  const scheduledMs = Number(turn.scheduledTime?.seconds ?? 0) * MS_PER_SECOND;
  return nowMs - scheduledMs > UNTAKEN_MS ? 'WORKER_UNAVAILABLE' : undefined;
}

function ended(status: string): RetentionError {
  return new RetentionError(
    'WORKER_UNAVAILABLE',
    `Nobody keeps the ledger: its workflow was ended in Temporal (${status.toLowerCase()}). Restart a worker: it begins another.`,
  );
}
