import {
  continueAsNew,
  isCancellation,
  proxyActivities,
  setHandler,
  sleep,
} from '@temporalio/workflow';
import type { LedgerActivities } from '../activities/contract.ts';
import { codeOf } from './failures.ts';
import { type LedgerKeeping, ledgerKeeping } from './messages.ts';
import { LEDGER, LEDGER_RECHECK_MS, LEDGER_TURNS } from './options.ts';

const activities = proxyActivities<LedgerActivities>(LEDGER);

/**
 * Keeps the ledger for as long as Retain is installed: one turn of a minute after the other. A
 * ledger that cannot go on (`LEDGER_BEHIND`) is looked at again soon: whoever mends the cause need not
 * restart anything. The guard stops disposal once a batch has waited for its place under a signed head for a minute.
 */
export async function keepLedger(carried?: LedgerKeeping): Promise<void> {
  let state: LedgerKeeping = carried ?? { size: 0 };
  setHandler(ledgerKeeping, () => state);
  for (let turn = 0; turn < LEDGER_TURNS; turn += 1) {
    try {
      const { size, troubled = [], undelivered = [] } = await activities.keepLedger();
      state = {
        size,
        ...(troubled.length > 0 && { troubled }),
        ...(undelivered.length > 0 && { undelivered }),
      };
    } catch (error) {
      if (isCancellation(error)) throw error;
      state = { size: state.size, stoppedBy: codeOf(error) };
      await sleep(LEDGER_RECHECK_MS);
    }
  }
  await continueAsNew<typeof keepLedger>(state);
}
