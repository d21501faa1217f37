/** The words of a certificate against the log, where one can contradict the other. */
import { addDays, calendarDate } from '../../domain/civil.ts';
import { isBefore } from '../verify/said.ts';
import type { ReportCertificateFinding } from './findings.ts';
import type { Certificate } from './format.ts';

/** Instants of the log. */
interface Happened {
  /** When the last batch was executed. */
  readonly executed: string;
  /** When everything that is certified had happened. */
  readonly over: string;
}

/** Reports `E_WORDS` for words issued too early, backups gone too early, and limits that are not `limits`. */
export function checkSaid(
  { issued_at, backups_expire_on, does_not_prove }: Certificate['words'],
  { executed, over }: Happened,
  limits: readonly string[],
  report: ReportCertificateFinding,
): void {
  if (isBefore(issued_at, over)) {
    report('E_WORDS', 'The certificate was issued before what it is about.');
  }
  if (backups_expire_on < dayBefore(executed)) {
    report('E_WORDS', 'The last backup is said to expire before anything was destroyed.');
  }
  const same =
    does_not_prove.length === limits.length &&
    limits.every((limit, i) => does_not_prove[i] === limit);
  if (!same) report('E_WORDS', 'What the certificate does not prove is not said as it must be.');
}

/** No zone is a whole day behind UTC, in which the log has its times. */
function dayBefore(at: string): string {
  return addDays(calendarDate(at.slice(0, 'YYYY-MM-DD'.length)), -1);
}
