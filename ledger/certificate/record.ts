/** Checks the certificate of one record, from its entry in the log up to the words. */
import { decodeEntry } from '../entry.ts';
import { sha256 } from '../hashing.ts';
import { encodeKey } from '../references.ts';
import type { StatementOf } from '../statements.ts';
import { malformed } from '../text.ts';
import { epochFault } from '../verify/batch-rules.ts';
import type { CheckContext } from './check.ts';
import {
  type Evidence,
  evidenceOf,
  ofKind,
  type StatementEvidence,
  statementEvidence,
} from './evidence.ts';
import type { RecordCertificate } from './format.ts';
import { isSignedBy } from './keys.ts';
import { RECORD_LIMITS } from './limits.ts';
import { checkPeople } from './people.ts';
import type { RecordFacts } from './report.ts';
import { checkSaid } from './words.ts';

/** The certificate, its parts decoded. */
export interface RecordParts {
  readonly record: Evidence & { readonly headerSha256: Buffer; readonly ref: Buffer };
  readonly header: StatementEvidence<StatementOf<'batch'>>;
  readonly headerSha256: Buffer;
  readonly approval: StatementEvidence<StatementOf<'approval'>>;
}

/** Throws `LEDGER_MALFORMED` for a part that is not in its format. */
export function recordParts(certificate: RecordCertificate): RecordParts {
  const evidence = evidenceOf(certificate);
  const entry = decodeEntry(evidence.bytes);
  if (entry.kind !== 'record') throw malformed('The entry is not that of a record');
  const header = ofKind('batch', statementEvidence(certificate.batch_header));
  return {
    record: { ...evidence, headerSha256: entry.headerSha256, ref: entry.ref },
    header,
    headerSha256: sha256(header.bytes),
    approval: ofKind('approval', statementEvidence(certificate.approval)),
  };
}

/** Reports whatever does not hold; what it answers is proven only when nothing was reported. */
export function checkRecord(
  certificate: RecordCertificate,
  parts: RecordParts,
  context: CheckContext,
): RecordFacts {
  const { record, header, approval } = parts;
  const { report, head, keys } = context;
  const { index } = record.proof;
  context.requireIncluded('entry of the record', record);
  checkPlace(parts, context);
  const worker = keys.validBefore(header.statement.worker, header.proof.index);
  if (worker === undefined) {
    report('E_KEY', 'The batch is signed by a key that the log does not name as valid before it.');
  } else if (!isSignedBy(header, worker)) {
    report('E_WORKERSIG', 'The signature of the batch is not of its key.');
  }
  const epoch = epochFault(header.statement);
  if (epoch !== undefined) report('E_EPOCH', `The batch ${epoch}.`);
  checkOpening(certificate, record.ref, context);
  checkApproval(parts, context);
  const people = checkPeople(certificate.people, approval.statement, report);
  checkWords(certificate, header.statement, context);
  return {
    kind: 'record',
    head,
    index,
    key: certificate.record.pk,
    header: header.statement,
    headerSha256: parts.headerSha256.toString('hex'),
    approval: { index: approval.proof.index, statement: approval.statement },
    people,
  };
}

/** The record names the header, and stands behind it among as many records as it counts. */
function checkPlace({ record, header, headerSha256 }: RecordParts, context: CheckContext): void {
  context.requireIncluded('header of the batch', header);
  if (!headerSha256.equals(record.headerSha256)) {
    context.report('E_BATCHREF', 'The record was destroyed in another batch than the one shown.');
  }
  const behind = record.proof.index - header.proof.index;
  if (behind > 0 && behind <= header.statement.items.count) return;
  context.report('E_RECORD', 'The record does not stand behind a header that counts it.');
}

function checkOpening(
  { record, opening }: RecordCertificate,
  ref: Buffer,
  { report }: CheckContext,
): void {
  const opened = sha256(Buffer.from(opening.salt, 'hex'), encodeKey(record.pk));
  if (opened.equals(ref)) return;
  report(
    'E_OPENING',
    'The key does not open the entry: another record than this one was destroyed.',
  );
}

function checkApproval({ header, approval }: RecordParts, context: CheckContext): void {
  const { statement: batch } = header;
  const { statement: decision } = approval;
  context.requireIncluded('approval', approval);
  context.requireSigned('approval', approval);
  const covers =
    decision.decision === 'approve' &&
    decision.run === batch.run &&
    decision.sha256 === batch.approval.sha256 &&
    decision.source === `store:${batch.store}` &&
    approval.proof.index < header.proof.index;
  if (covers) return;
  context.report(
    'E_APPROVAL',
    'The approval shown is not one, given before, of the plan that the batch names.',
  );
}

function checkWords(
  { record, words }: RecordCertificate,
  { class: recordClass, executed_at }: StatementOf<'batch'>,
  { report }: CheckContext,
): void {
  if (record.class !== recordClass) {
    report('E_WORDS', 'The class of the record is not what the header of the batch says.');
  }
  checkSaid(words, { executed: executed_at, over: executed_at }, RECORD_LIMITS, report);
}
