/** Checks the certificate of one record, from its entry in the log up to the words. */
import { decodeEntry } from '../entry.ts';
import { sha256 } from '../hashing.ts';
import { encodeKey } from '../references.ts';
import type { StatementOf } from '../statements.ts';
import { malformed } from '../text.ts';
import type { CheckContext } from './check.ts';
import {
  base64Bytes,
  type Evidence,
  evidenceOf,
  ofKind,
  type StatementEvidence,
  statementEvidence,
  type ToldOf,
  told,
} from './evidence.ts';
import type { RecordCertificate } from './format.ts';
import { isSignedBy } from './keys.ts';
import { checkPeople } from './people.ts';
import type { RecordFacts } from './report.ts';

/** The certificate, its parts decoded. */
export interface RecordParts {
  readonly record: Evidence & { readonly headerSha256: Buffer; readonly ref: Buffer };
  readonly header: ToldOf<'batch'>;
  readonly headerSha256: Buffer;
  readonly approval: StatementEvidence<StatementOf<'approval'>>;
}

/** Throws `LEDGER_MALFORMED` for a part that is not in its format. */
export function recordParts(certificate: RecordCertificate): RecordParts {
  const evidence = evidenceOf(certificate);
  const entry = decodeEntry(evidence.bytes);
  if (entry.kind !== 'record') throw malformed('The entry is not that of a record');
  const headerBytes = base64Bytes(certificate.batch_header_entry);
  return {
    record: { ...evidence, headerSha256: entry.headerSha256, ref: entry.ref },
    header: ofKind('batch', told(headerBytes)),
    headerSha256: sha256(headerBytes),
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
  if (!parts.headerSha256.equals(record.headerSha256)) {
    report('E_BATCHREF', 'The record was destroyed in another batch than the one shown.');
  }
  const worker = keys.validBefore(header.statement.worker, index);
  if (worker === undefined) {
    report('E_KEY', 'The batch is signed by a key that the log does not name as valid before it.');
  } else if (!isSignedBy(header, worker)) {
    report('E_WORKERSIG', 'The signature of the batch is not of its key.');
  }
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

function checkApproval({ record, header, approval }: RecordParts, context: CheckContext): void {
  const { statement: batch } = header;
  const { statement: decision } = approval;
  context.requireIncluded('approval', approval);
  context.requireSigned('approval', approval);
  const covers =
    decision.decision === 'approve' &&
    decision.run === batch.run &&
    decision.sha256 === batch.approval.sha256 &&
    decision.source === `store:${batch.store}` &&
    approval.proof.index < record.proof.index;
  if (covers) return;
  context.report(
    'E_APPROVAL',
    'The approval shown is not one, given before, of the plan that the batch names.',
  );
}

/** What stands in the words and in the log must be the same in both. */
function checkWords(
  { record, words }: RecordCertificate,
  header: StatementOf<'batch'>,
  { report }: CheckContext,
): void {
  const { id, version, sha256: file } = words.rule;
  const same =
    record.class === header.class &&
    id === header.rule.id &&
    version === header.rule.version &&
    file === header.rule.sha256 &&
    words.executed_at === header.executed_at;
  if (same) return;
  report('E_WORDS', 'Class, rule or time are not what the header of the batch says.');
}
