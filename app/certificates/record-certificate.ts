/** The certificate of one destroyed record. */
import { RetentionError } from '../../domain/errors.ts';
import { RECORD_LIMITS } from '../../ledger/certificate/limits.ts';
import type { RecordReport } from '../../ledger/certificate/report.ts';
import { signerName } from '../../ledger/statements.ts';
import type { StoreConnection } from '../../stores/postgres/connection.ts';
import type { Retain } from '../context.ts';
import { matchLiveStore } from '../match-store.ts';
import { aggregateOf, canonicalKey, recordClassNamed } from '../record-keys.ts';
import { type Desk, withDesk } from './desk.ts';
import { entriesOfKeys, entriesOfRun, keyStatements, keysBefore, requireEntry } from './entries.ts';
import { destructionsOf, openRecord } from './find-record.ts';
import { type Issued, issueRecord } from './issue.ts';
import { peopleOf } from './people.ts';
import { prover } from './proofs.ts';
import { classTitle, commonWords, ruleWords, scheduleThen } from './words.ts';

export interface IssuedRecord extends Issued<RecordReport> {
  /** Which entry of the record it is about, from 1, the oldest. */
  readonly entry: number;
  /** How many there are: a record may have been reduced by one run and deleted by a later one. */
  readonly entries: number;
}

/**
 * The certificate of one entry of the record: `entry` counts from 1, the oldest; the newest when missing.
 * Throws `CERTIFICATE_NOTHING` for a record that no run destroyed, `CERTIFICATE_PENDING` until a signed
 * checkpoint covers the entry, `EPOCH_KEY_MISSING` when its key is destroyed or elsewhere,
 * `CERTIFICATE_NAME_LOST` when a restore took a name, `LEDGER_KEY_MISSING` without worker and names key,
 * `RECORD_CLASS_UNKNOWN`, `KEY_INVALID`, `USAGE`.
 */
export function recordCertificate(
  retain: Retain,
  className: string,
  key: readonly string[],
  entry?: number,
): Promise<IssuedRecord> {
  return withDesk(retain, async (desk) => {
    const { schedule } = desk.inForce;
    const recordClass = recordClassNamed(schedule, className);
    const connection = await desk.connection(recordClass.store);
    const { resolved } = await matchLiveStore(connection, schedule);
    const canonical = await canonicalKey(connection, aggregateOf(resolved, recordClass), key);
    const batches = await destructionsOf(desk, connection, {
      recordClass: recordClass.id,
      key: canonical,
    });
    const chosen = entry ?? batches.length;
    const batch = batches[chosen - 1];
    if (batch === undefined) {
      throw new RetentionError(
        'USAGE',
        `The record has ${batches.length} entries: 1 is the oldest.`,
      );
    }
    const issued = await certify(desk, connection, batch, canonical);
    return { ...issued, entry: chosen, entries: batches.length };
  });
}

async function certify(
  desk: Desk,
  connection: StoreConnection,
  batch: string,
  key: readonly string[],
): Promise<Issued<RecordReport>> {
  const { ledgerKeys, control } = desk.retain;
  const { ledger } = control;
  const record = await openRecord(desk, connection.store, batch, key);
  const { header } = record;
  const [told, keyed, then, worker] = await Promise.all([
    entriesOfRun(ledger, connection.store, header.run),
    keyStatements(ledger),
    scheduleThen(desk, header.rule),
    ledgerKeys.worker(),
  ]);
  const approval = requireEntry(told, 'approval');
  const { requested_by, decided_by } = approval.statement;
  const signers = [header.worker, signerName(approval.statement), worker.name];
  const needed = [record, approval, ...entriesOfKeys(keyed, signers)];
  const last = Math.max(...needed.map(({ index }) => index));
  const [people, { prove, size, tsr }] = await Promise.all([
    peopleOf(desk, connection, header.run, { requested_by, decided_by }),
    prover(ledger, desk.readSealed, last),
  ]);
  const unsigned = {
    kind: 'record' as const,
    record: { class: header.class, pk: key },
    opening: { salt: record.salt.toString('hex') },
    ...(await prove(record)),
    batch_header: await prove({ index: record.headerIndex, bytes: record.headerBytes }),
    approval: await prove(approval),
    keys: await Promise.all(keysBefore(size, keyed, signers).map(prove)),
    people,
    tsr,
    words: {
      ...(await commonWords(desk, connection, then, [header])),
      class_title: classTitle(then, header),
      rule: ruleWords(then, header),
      does_not_prove: RECORD_LIMITS,
    },
  };
  return issueRecord(keyed, unsigned, worker);
}
