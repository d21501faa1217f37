/** What every check of a certificate has at hand: a head that holds, keys, and where to report. */
import type { Told } from '../verify/said.ts';
import { type Evidence, isIncluded, type StatementEvidence } from './evidence.ts';
import type { ReportCertificateFinding } from './findings.ts';
import { isSignedBy, type LogKeys } from './keys.ts';
import type { VerifiedHead } from './report.ts';

export interface CheckContext {
  readonly report: ReportCertificateFinding;
  readonly head: VerifiedHead;
  readonly keys: LogKeys;
  /** Reports `E_INCLUSION` unless the entry is in the log. */
  requireIncluded(what: string, evidence: Evidence): void;
  /** Reports `E_KEY` or `E_STATEMENTSIG` unless a key that was valid there has signed the statement. */
  requireSigned(what: string, evidence: StatementEvidence<Told>): void;
}

export function checkContext(
  head: VerifiedHead,
  keys: LogKeys,
  report: ReportCertificateFinding,
): CheckContext {
  return {
    report,
    head,
    keys,
    requireIncluded(what, evidence) {
      if (isIncluded(evidence, head)) return;
      report('E_INCLUSION', `The ${what} is not at this place of the log that was signed.`);
    },
    requireSigned(what, evidence) {
      const key = keys.validBefore(evidence.statement.signed_by, evidence.proof.index);
      if (key === undefined) {
        report(
          'E_KEY',
          `The ${what} is signed by a key that the log does not name as valid before it.`,
        );
      } else if (!isSignedBy(evidence, key)) {
        report('E_STATEMENTSIG', `The signature of the ${what} is not of its key.`);
      }
    },
  };
}
