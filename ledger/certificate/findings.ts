/** What the check of a certificate can find, beside what that of a log can. */
import { FINDING_CODES, type FindingCode } from '../verify/findings.ts';

/** Codes of certificates alone; numbers as in `FINDING_CODES`. */
const OWN_CODES = {
  E_ISSUER: { exit: 10, means: 'no valid key of the organisation has signed the certificate' },
  E_HEADS: { exit: 12, means: 'the proofs of a certificate are not of one checkpoint' },
  E_BATCHREF: { exit: 15, means: 'the record is of another batch than the one shown' },
  E_OPENING: { exit: 15, means: 'the record that was destroyed is another than the one named' },
  E_NAME: { exit: 15, means: 'a person is another than the one named' },
  E_TIMESTAMP: {
    exit: 15,
    means: 'the timestamp of a certificate is none, or of another checkpoint',
  },
  E_WORDS: { exit: 15, means: 'the words of a certificate contradict the log' },
} as const;

export const CERTIFICATE_FINDING_CODES = { ...FINDING_CODES, ...OWN_CODES } as const;

export type CertificateFindingCode = FindingCode | keyof typeof OWN_CODES;

export interface CertificateFinding {
  readonly code: CertificateFindingCode;
  /** One sentence. */
  readonly message: string;
}

export type ReportCertificateFinding = (code: CertificateFindingCode, message: string) => void;

/** 0 when nothing was found, else that of the first finding: checks run from the ground up. */
export function certificateExitCode(findings: readonly CertificateFinding[]): number {
  const [first] = findings;
  return first === undefined ? 0 : CERTIFICATE_FINDING_CODES[first.code].exit;
}
