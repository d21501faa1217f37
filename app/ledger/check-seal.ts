/** What is recomputed of a sealed batch before it gets its place in the ledger. */
import type { LaneEnd } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import { decodeEntry, entrySha256, verifyEntry } from '../../ledger/entry.ts';
import { sha256 } from '../../ledger/hashing.ts';
import { laneName } from '../../ledger/order.ts';
import { strictlyAscending } from '../../ledger/sort-references.ts';
import { NO_PREVIOUS, readStatement } from '../../ledger/statements.ts';
import type { SealedBytes, WaitingBatch } from '../../stores/postgres/ledger-source.ts';
import type { KnownKeys } from './known-keys.ts';

/** What the ledger knows already. */
export interface SealContext {
  readonly source: string;
  readonly keys: KnownKeys;
  /** By `laneOfRun`. */
  readonly lanes: ReadonlyMap<string, LaneEnd>;
}

export function laneOfRun(of: { run: string; step: number; lane: number }): string {
  return `${of.run}/${laneName(of)}`;
}

/**
 * The new end of the batch's lane. Throws `LEDGER_BROKEN` when key, signature, chain, identity, count, hash or
 * order of the references are not right, `LEDGER_MALFORMED` for a header that cannot be read.
 */
export function checkSeal(work: SealContext, waiting: WaitingBatch, sealed: SealedBytes): LaneEnd {
  const entry = decodeEntry(sealed.header);
  const header = entry.kind === 'batch' ? readStatement(entry) : undefined;
  if (entry.kind !== 'batch' || header?.kind !== 'batch')
    throw broken(waiting, 'its header is none');
  const key = work.keys.get(header.worker);
  if (key?.role !== 'worker' || key.state !== 'active') {
    throw broken(waiting, 'it is signed by a key that the ledger does not know as valid');
  }
  if (!verifyEntry(entry, key.publicKey)) throw broken(waiting, 'its signature is not of its key');
  const before = work.lanes.get(laneOfRun(waiting));
  if (
    header.prev !== (before?.headerSha256.toString('hex') ?? NO_PREVIOUS) ||
    header.seq !== (before?.seq ?? 0) + 1
  ) {
    throw broken(waiting, 'it does not continue the chain of its lane');
  }
  if (
    header.batch !== waiting.batch ||
    header.run !== waiting.run ||
    header.step !== waiting.step ||
    header.lane !== waiting.lane ||
    `store:${header.store}` !== work.source
  ) {
    throw broken(waiting, 'its header speaks of another batch');
  }
  if (
    header.items.count * header.items.len !== sealed.refs.length ||
    header.items.sha256 !== sha256(sealed.refs).toString('hex') ||
    !strictlyAscending(sealed.refs)
  ) {
    throw broken(waiting, 'its references are not those of its header');
  }
  const { run, step, lane, seq } = waiting;
  return {
    source: work.source,
    runId: run,
    step,
    lane,
    seq,
    headerSha256: entrySha256(sealed.header),
  };
}

export function broken(batch: WaitingBatch, what: string): RetentionError {
  return new RetentionError(
    'LEDGER_BROKEN',
    `A batch cannot enter the ledger: ${what}. Stop every run and run: retain log verify --database`,
    { batch: batch.batch, run: batch.run, seq: batch.seq },
  );
}
