/** Who asked and who approved: names opened against their references in the log. */
import { sha256 } from '../hashing.ts';
import { encodeKey } from '../references.ts';
import type { StatementOf } from '../statements.ts';
import type { ReportCertificateFinding } from './findings.ts';
import type { OpenedName } from './format.ts';
import type { People } from './report.ts';

/** Reports `E_NAME` unless the name opens the reference. */
export function checkName(
  what: string,
  { name, salt }: OpenedName,
  ref: string,
  report: ReportCertificateFinding,
): void {
  // As `nameReference` writes names.
  const encoded = encodeKey([name.normalize('NFKC').toLowerCase()]);
  if (sha256(Buffer.from(salt, 'hex'), encoded).toString('hex') === ref) return;
  report('E_NAME', `The name of who ${what} is not the one that the log refers to.`);
}

/** Both people of an approval; reports `E_NAME` and, when they are one, `E_FOUREYES`. */
export function checkPeople(
  people: Readonly<Record<'requested_by' | 'decided_by', OpenedName>>,
  approval: StatementOf<'approval'>,
  report: ReportCertificateFinding,
): People {
  checkName('asked for the plan', people.requested_by, approval.requested_by, report);
  checkName('approved the plan', people.decided_by, approval.decided_by, report);
  if (approval.requested_by === approval.decided_by) {
    report('E_FOUREYES', 'Who asked for the plan approved it.');
  }
  return { requestedBy: people.requested_by.name, decidedBy: people.decided_by.name };
}
