/** Which batches a store lost in restores, as a replay tells it: how many, and one hash over their ids. */
import { createHash, type Hash } from 'node:crypto';
import type { StatementOf } from '../../ledger/statements.ts';

type LostBatches = StatementOf<'replay'>['lost'][string]['batches'];

/** The same batches in the same order, that of the log, come to the same. */
export interface LostTally {
  /** `batch`: its id, a UUID. */
  add(source: string, batch: string): void;
  of(source: string): LostBatches;
}

export function lostTally(): LostTally {
  const sums = new Map<string, { count: number; readonly ids: Hash }>();
  return {
    add(source, batch) {
      const sum = sums.get(source) ?? { count: 0, ids: createHash('sha256') };
      sum.count += 1;
      sum.ids.update(Buffer.from(batch.replaceAll('-', ''), 'hex'));
      sums.set(source, sum);
    },
    of(source) {
      const { count, ids } = sums.get(source) ?? { count: 0, ids: createHash('sha256') };
      return { count, sha256: ids.copy().digest('hex') };
    },
  };
}
