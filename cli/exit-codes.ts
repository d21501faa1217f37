/** Exit codes, the same for every command. */
import { ERROR_CODES, type ErrorCode, type ErrorKind, RetentionError } from '../domain/errors.ts';

export const EXIT = {
  ok: 0,
  failed: 1,
  declined: 3,
  notAllowed: 4,
  refused: 5,
  unverified: 6,
  incomplete: 7,
  usage: 64,
  interrupted: 130,
} as const;

export const EXIT_MEANINGS: readonly (readonly [number, string])[] = [
  [EXIT.ok, 'done'],
  [EXIT.failed, 'failed; the same command may succeed later'],
  [EXIT.declined, 'declined by the person who was asked'],
  [EXIT.notAllowed, 'not signed in, or not allowed'],
  [EXIT.refused, 'refused by a safety rule: stale plan, second person needed, run stopped, ...'],
  [EXIT.unverified, 'a check found something that is not as it must be'],
  [EXIT.incomplete, 'the run ended and something planned is left'],
  [EXIT.usage, 'wrong usage, or wrong configuration or schedule'],
  [EXIT.interrupted, 'interrupted'],
];

/**
 * Of `log verify` and `cert verify`, which scripts of auditors read: never 1 for a failure of ours, since that says verified.
 * What a log is found guilty of is in `ledger/verify/findings.ts`.
 */
export const VERIFY_EXIT = { ok: 0, usage: 2, policy: 10, malformed: 14, broken: 70 } as const;

export const VERIFY_EXIT_MEANINGS: readonly (readonly [number, string])[] = [
  [VERIFY_EXIT.ok, 'verified (with --sample: every proof asked for holds)'],
  [1, 'the same, with warnings: a run is not over, a check was skipped'],
  [VERIFY_EXIT.usage, 'wrong usage'],
  [VERIFY_EXIT.policy, 'the policy, the checkpoint or a signature on it is wrong'],
  [11, 'not enough witnesses have cosigned'],
  [12, 'entries or tiles are not those that were signed'],
  [13, 'the log was rolled back or forked'],
  [14, 'files are missing, cut short or cannot be read'],
  [15, 'what entries say cannot be: signatures, chains, approvals, counts'],
  [16, 'the databases say something else (--database)'],
  [17, 'older than --max-age'],
  [VERIFY_EXIT.broken, 'the verifier itself failed: nothing is known of the log'],
];

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  CREDENTIALS_REJECTED: EXIT.notAllowed,
  RIGHTS_MISSING: EXIT.notAllowed,
  DECLINED: EXIT.declined,
  RUN_INCOMPLETE: EXIT.incomplete,
};

const BY_KIND: Readonly<Record<ErrorKind, number>> = {
  config: EXIT.usage,
  refusal: EXIT.refused,
  integrity: EXIT.unverified,
  transient: EXIT.failed,
  store: EXIT.failed,
  bug: EXIT.failed,
};

/** The exit code for an error; what is not ours is a failure. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof RetentionError)) return EXIT.failed;
  return BY_CODE[error.code] ?? BY_KIND[ERROR_CODES[error.code]];
}

/** The exit code for an error that ended `log verify` or `cert verify`. */
export function verifyExitCodeOf(error: unknown): number {
  if (!(error instanceof RetentionError)) return VERIFY_EXIT.broken;
  if (error.code === 'CERTIFICATE_MALFORMED') return VERIFY_EXIT.malformed;
  if (error.kind !== 'config') return VERIFY_EXIT.broken;
  return error.code === 'POLICY_INVALID' ? VERIFY_EXIT.policy : VERIFY_EXIT.usage;
}
