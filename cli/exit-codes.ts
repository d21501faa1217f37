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
