/** The certificate of one destroyed record. */
import { RetentionError } from '../../domain/errors.ts';
import type { PlanDocument } from '../../domain/plan.ts';
import type { RecordCertificate } from '../../ledger/certificate/format.ts';
import { RECORD_LIMITS } from '../../ledger/certificate/limits.ts';
import type { RecordReport } from '../../ledger/certificate/report.ts';
import { type StatementOf, signerName } from '../../ledger/statements.ts';
import { storeClock } from '../../stores/postgres/connection.ts';
import type { Retain } from '../context.ts';
import type { LogBatch } from '../destroyed-records.ts';
import { matchLiveStore } from '../match-store.ts';
import { planDocument } from '../orchestrate.ts';
import { aggregateOf, canonicalKey, recordClassNamed } from '../record-keys.ts';
import { type Desk, withDesk } from './desk.ts';
import { entriesOfKeys, entriesOfRun, requireEntry } from './entries.ts';
import { destructionsOf, openRecord } from './find-record.ts';
import { type Issued, issueRecord, openedName } from './issue.ts';
import { prover } from './proofs.ts';
import { backupsExpireOn, methodWords, ruleWords, stepOf } from './words.ts';

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
 * `LEDGER_KEY_MISSING` without worker and names key, `RECORD_CLASS_UNKNOWN`, `KEY_INVALID`, `USAGE`.
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
    const issued = await certify(desk, recordClass.store, batch, canonical);
    return { ...issued, entry: chosen, entries: batches.length };
  });
}

async function certify(
  desk: Desk,
  store: string,
  batch: LogBatch,
  key: readonly string[],
): Promise<Issued<RecordReport>> {
  const { retain } = desk;
  const { ledger } = retain.control;
  const connection = await desk.connection(store);
  const [record, told, document, issuedAt, worker, names] = await Promise.all([
    openRecord(desk, store, batch, key),
    entriesOfRun(ledger, connection, batch.run),
    planDocument(connection, batch.run),
    storeClock(connection),
    retain.ledgerKeys.worker(),
    retain.ledgerKeys.names(),
  ]);
  const approval = requireEntry(told, 'approval');
  const signers = [record.header.worker, signerName(approval.statement), worker.name];
  const keys = await entriesOfKeys(ledger, signers);
  const last = Math.max(record.index, approval.index, ...keys.map(({ index }) => index));
  const prove = await prover(ledger, desk.readSealed, last);
  const unsigned = {
    kind: 'record' as const,
    record: { class: record.header.class, pk: key },
    opening: { salt: record.salt.toString('hex') },
    ...(await prove(record)),
    batch_header_entry: record.headerBytes.toString('base64'),
    approval: await prove(approval),
    keys: await Promise.all(keys.map(prove)),
    people: {
      requested_by: openedName(names, batch.requestedBy),
      decided_by: openedName(names, batch.approvedBy),
    },
    tsr: null,
    words: await wordsOf(desk, { document, issuedAt }, batch, record.header),
  };
  names.fill(0);
  return issueRecord(ledger, unsigned, worker);
}

async function wordsOf(
  { retain, inForce }: Desk,
  { document, issuedAt }: { readonly document: PlanDocument; readonly issuedAt: string },
  batch: LogBatch,
  header: StatementOf<'batch'>,
): Promise<RecordCertificate['words']> {
  const step = stepOf(document, header.step);
  const done = {
    actions: [header.action],
    tables: [header.table],
    workers: [header.worker],
    requestedBy: batch.requestedBy,
    decidedBy: batch.approvedBy,
    executedAt: header.executed_at,
  };
  return {
    organisation: document.organisation,
    issued_at: issuedAt,
    time_zone: document.timezone,
    class_title: step.title,
    rule: ruleWords(document, step),
    executed_at: header.executed_at,
    backups_expire_on: await backupsExpireOn(retain, inForce, document, header.executed_at),
    method: methodWords(document, done),
    does_not_prove: RECORD_LIMITS,
  };
}
