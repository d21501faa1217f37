/** The entry that the destruction of one record left in the ledger, opened. */
import { RetentionError } from '../../domain/errors.ts';
import { HASH_BYTES, sha256 } from '../../ledger/hashing.ts';
import { recordEntry } from '../../ledger/record-entries.ts';
import { encodeKey, reference, runKey } from '../../ledger/references.ts';
import type { StatementOf } from '../../ledger/statements.ts';
import type { StoreConnection } from '../../stores/postgres/connection.ts';
import { asStore } from '../../stores/postgres/driver-error.ts';
import { findDestroyed } from '../destroyed-records.ts';
import type { EpochKey } from '../epoch-keys.ts';
import type { Desk } from './desk.ts';
import { batchOf, pending, placed } from './entries.ts';

export interface OpenedRecord {
  readonly index: number;
  /** The complete entry. */
  readonly bytes: Buffer;
  /** What opens it, 32 bytes. */
  readonly salt: Buffer;
  readonly headerIndex: number;
  readonly headerBytes: Buffer;
  readonly header: StatementOf<'batch'>;
}

/** A record of one class by its canonical key. */
export interface RecordKey {
  readonly recordClass: string;
  readonly key: readonly string[];
}

/**
 * Ids of the batches that destroyed the record, oldest first and at least one. Throws `CERTIFICATE_NOTHING`
 * when there is none, `EPOCH_KEY_MISSING` when there may be one that no key here can find any more.
 */
export async function destructionsOf(
  desk: Desk,
  connection: StoreConnection,
  { recordClass, key }: RecordKey,
): Promise<string[]> {
  const { epochKeys } = desk.retain;
  const [keys, epochs, kept] = await Promise.all([
    epochKeys.all(recordClass),
    epochsOf(connection, recordClass),
    keptBatches(desk, connection.store, recordClass),
  ]);
  const used = new Set([...epochs, ...kept.map((batch) => batch.key_epoch)]);
  const lost = [...used].filter((epoch) => keys.every(({ id }) => id !== epoch));
  if (keys.length === 0 && lost.length > 0) throw await withoutKeys(desk, lost);
  const found = new Map<string, string>();
  for (const { batch } of await findDestroyed(desk.retain, connection, recordClass, [key])) {
    found.set(batch.batch, batch.executedAt);
  }
  for (const batch of await holding(desk, keys, kept, key)) {
    found.set(batch.batch, batch.executed_at);
  }
  if (found.size > 0) {
    return [...found].sort(([, a], [, b]) => (a < b ? -1 : 1)).map(([batch]) => batch);
  }
  if (lost.length > 0) throw await withoutKeys(desk, lost);
  throw new RetentionError(
    'CERTIFICATE_NOTHING',
    `No run destroyed this record of ${recordClass}: there is nothing to certify. Run: retain record explain`,
    { recordClass },
  );
}

/** Batches of the class that are kept beside the tree because the store lost them in a restore. */
async function keptBatches(
  { retain }: Desk,
  store: string,
  recordClass: string,
): Promise<StatementOf<'batch'>[]> {
  const headers = await retain.control.ledger.keptHeaders('class', recordClass);
  return headers
    .map(batchOf)
    .filter((batch) => batch.class === recordClass && batch.store === store);
}

/** Those of the kept batches that destroyed the record. */
async function holding(
  { retain }: Desk,
  keys: readonly EpochKey[],
  kept: readonly StatementOf<'batch'>[],
  key: readonly string[],
): Promise<StatementOf<'batch'>[]> {
  const encoded = encodeKey(key);
  const asked = await Promise.all(
    kept.map(async (batch) => {
      const epoch = keys.find(({ id }) => id === batch.key_epoch);
      if (epoch === undefined) return [];
      const { ref } = reference(runKey(epoch.key, batch.run), encoded);
      return (await retain.control.ledger.keptHas(batch.batch, ref)) ? [batch] : [];
    }),
  );
  return asked.flat();
}

/**
 * The record's entry in the ledger. Throws `CERTIFICATE_PENDING` while the batch is not sealed or not in the
 * ledger, `EPOCH_KEY_MISSING` when its epoch key is not here, `LEDGER_BROKEN` when the batch changed.
 */
export async function openRecord(
  { retain, readSealed }: Desk,
  store: string,
  batch: string,
  key: readonly string[],
): Promise<OpenedRecord> {
  const [sealed, indexes] = await Promise.all([
    readSealed(`store:${store}`, batch),
    retain.control.ledger.indexesOf([batch]),
  ]);
  const first = indexes.get(batch);
  if (sealed === undefined || first === undefined) {
    throw pending('The record is destroyed; its entry is not in the ledger yet.');
  }
  const header = batchOf(sealed.header);
  const epochKey = await retain.epochKeys.byId(header.key_epoch);
  if (epochKey === undefined) {
    throw new RetentionError('EPOCH_KEY_MISSING', 'The epoch key of this batch is not here.');
  }
  const { salt, ref } = reference(runKey(epochKey, header.run), encodeKey(key));
  epochKey.fill(0);
  return {
    index: first + 1 + positionOf(sealed.refs, ref),
    bytes: recordEntry(sha256(sealed.header), ref),
    salt,
    headerIndex: first,
    headerBytes: sealed.header,
    header,
  };
}

function positionOf(refs: Buffer, ref: Buffer): number {
  for (let at = 0; at < refs.length; at += HASH_BYTES) {
    if (refs.compare(ref, 0, HASH_BYTES, at, at + HASH_BYTES) === 0) return at / HASH_BYTES;
  }
  throw new RetentionError(
    'LEDGER_BROKEN',
    'The batch no longer has the reference that was found in it. Run: retain log verify --database',
  );
}

async function epochsOf({ sql, store }: StoreConnection, recordClass: string): Promise<string[]> {
  const rows = await asStore(
    store,
    () => sql<{ epoch: string }[]>`
    select key_epoch as epoch from retain_guard.key_epoch
     where split_part(key_epoch, '/', 1) = ${recordClass} order by key_epoch`,
  );
  return rows.map(({ epoch }) => epoch);
}

/** Whoever destroyed a key wanted exactly this; a key that is only elsewhere is another matter. */
async function withoutKeys({ retain }: Desk, epochs: readonly string[]): Promise<RetentionError> {
  const destroyed = new Set<string>();
  for (const { firstIndex, entry } of await retain.control.ledger.statements(['epoch.destroy'])) {
    if (entry === null) continue;
    const { statement } = placed(firstIndex, entry);
    if (statement.kind === 'epoch.destroy') destroyed.add(statement.epoch);
  }
  const gone = epochs.filter((epoch) => destroyed.has(epoch));
  const elsewhere = epochs.filter((epoch) => !destroyed.has(epoch));
  const sentences = [
    ...(gone.length > 0
      ? [
          `The epoch key of ${gone.join(', ')} was destroyed: nobody can find a record of it any more.`,
        ]
      : []),
    ...(elsewhere.length > 0
      ? [`The epoch key of ${elsewhere.join(', ')} is not here: use the key folder of the worker.`]
      : []),
  ];
  return new RetentionError(
    'EPOCH_KEY_MISSING',
    `No entry of this record was found with the keys there are. ${sentences.join(' ')}`,
    { destroyed: gone.length, elsewhere: elsewhere.length },
  );
}
