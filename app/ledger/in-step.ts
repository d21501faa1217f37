/** What must be true before anything is destroyed: neither database may have forgotten what the ledger knows. */
import type { LedgerDb, LogHead } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import { decodeEntry } from '../../ledger/entry.ts';
import type { StoreLedger } from '../../stores/postgres/ledger-source.ts';
import { requireHead } from './sequence.ts';
import type { LedgerSigner } from './signer.ts';

/**
 * Refuses with `LEDGER_BEHIND` unless the control database holds at least the tree that was signed last:
 * after a restore nothing may be destroyed that the log would then not know. Answers the head.
 */
export async function requireLedgerInStep(
  ledger: Pick<LedgerDb, 'head' | 'checkpoint'>,
  signer: Pick<LedgerSigner, 'last'>,
): Promise<LogHead> {
  const last = await signer.last();
  const head = await requireHead(ledger);
  if (last === undefined) {
    // A signer that remembers nothing would sign any tree, and could tell no restore from a beginning.
    if ((await ledger.checkpoint()) === undefined) return head;
    throw new RetentionError(
      'LEDGER_SIGNER_UNREADABLE',
      "The ledger has signed heads and the signer's memory is empty: this is not the key folder that signed them. Use that one.",
    );
  }
  if (head.size < last.size || (head.size === last.size && !head.root.equals(last.root))) {
    throw new RetentionError(
      'LEDGER_BEHIND',
      `The ledger in the database has ${head.size} entries and ${last.size} were signed: it was restored from a backup. ` +
        'Nothing is destroyed until it is brought back. Run: retain log recover',
      { size: head.size, signed: last.size },
    );
  }
  return head;
}

/**
 * Refuses with `LEDGER_BEHIND` when a store does not know the last statement that the ledger has from it, by
 * number and instant, or fewer batches of the run, where one is named: holds that it has forgotten would not be
 * honoured.
 */
export async function requireStoreInStep(
  ledger: Pick<LedgerDb, 'sourceEnd' | 'laneEnds' | 'statementsOf'>,
  store: Pick<StoreLedger, 'store' | 'toldAt' | 'resumedAfter' | 'laneSeqs'>,
  run?: string,
): Promise<void> {
  const source = `store:${store.store}`;
  const forgot = run !== undefined && (await forgotBatches(ledger, store, source, run));
  if (!forgot && (await knowsLastStatement(ledger, store, source))) return;
  throw new RetentionError(
    'LEDGER_BEHIND',
    `Store ${store.store} does not know what it told the ledger: it was restored from a backup. Run: retain log recover`,
    { store: store.store },
  );
}

async function forgotBatches(
  ledger: Pick<LedgerDb, 'laneEnds'>,
  store: Pick<StoreLedger, 'laneSeqs'>,
  source: string,
  run: string,
): Promise<boolean> {
  const lanes = await ledger.laneEnds(source, [run]);
  const seqs = new Map(
    (await store.laneSeqs(run)).map((lane) => [`${lane.step} ${lane.lane}`, lane.seq]),
  );
  return lanes.some(({ step, lane, seq }) => (seqs.get(`${step} ${lane}`) ?? 0) < seq);
}

async function knowsLastStatement(
  ledger: Pick<LedgerDb, 'sourceEnd' | 'statementsOf'>,
  store: Pick<StoreLedger, 'toldAt' | 'resumedAfter'>,
  source: string,
): Promise<boolean> {
  const end = await ledger.sourceEnd(source);
  if (end === undefined || (await store.resumedAfter()) >= end.n) return true;
  const entry = (await ledger.statementsOf(source, [end.n])).get(end.n)?.entry;
  const logged = entry ? decodeEntry(entry) : undefined;
  if (logged === undefined || logged.kind === 'record') return false;
  return logged.body['at'] === (await store.toldAt(end.n));
}
