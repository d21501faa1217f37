import { Context } from '@temporalio/activity';
import type { KeptLedger, LedgerActivities } from './contract.ts';
import { beating } from './heartbeat.ts';

/** One turn of keeping the ledger, bound to its databases and keys by the worker. */
export type KeepTurn = (
  signal: AbortSignal,
  onRound: (size: number) => void,
) => Promise<KeptLedger>;

/** Ends between two rounds when the worker shuts down or the workflow is cancelled. */
export function ledgerActivities(turn: KeepTurn): LedgerActivities {
  return {
    keepLedger: () => beating((beat) => turn(Context.current().cancellationSignal, beat)),
  };
}
