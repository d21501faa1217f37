/**
 * The one error class of Retain, and the table of its public codes.
 *
 * A code is a promise: it never changes its meaning, it has a section in `docs/errors.md`, and it is
 * what crosses process boundaries (Temporal failure types, JSON output). Facts are small and never
 * hold a record key or a value of a governed record.
 */

/**
 * What the failure means for whoever called:
 * - `config`: we were set up wrong; nothing starts.
 * - `refusal`: asked for something we must not do; asking again changes nothing.
 * - `transient`: the same call may succeed later.
 * - `store`: a governed system said no, or is not what the plan was made for.
 * - `integrity`: the evidence does not add up; disposal stops.
 * - `bug`: an invariant of ours broke.
 */
export type ErrorKind = 'config' | 'refusal' | 'transient' | 'store' | 'integrity' | 'bug';

/** Every public error code with its kind. `docs/errors.md` explains each; a test compares the two. */
export const ERROR_CODES = {
  // configuration
  CONFIG_INVALID: 'config',
  SCHEDULE_INVALID: 'config',
  SCHEDULE_NOT_INSTALLED: 'config',
  PERIOD_SHORTENED: 'refusal',
  STORE_UNKNOWN: 'config',
  RECORD_CLASS_UNKNOWN: 'config',
  RULE_UNKNOWN: 'config',
  KEY_INVALID: 'config',
  USAGE: 'config',
  GUARD_MISSING: 'config',
  GUARD_MISMATCH: 'config',
  RIGHTS_MISSING: 'config',
  RIGHTS_EXCESS: 'config',
  SERVER_UNSUPPORTED: 'config',
  STORE_READ_ONLY: 'config',
  CREDENTIALS_REJECTED: 'config',
  EPOCH_KEY_MISSING: 'config',
  EPOCH_KEY_MISMATCH: 'config',
  EPOCH_KEY_EXPOSED: 'config',
  EPOCH_KEY_INVALID: 'config',
  EPOCH_KEY_DESTROYED: 'config',
  LEDGER_KEY_MISSING: 'config',
  SIGNER_REVOKED: 'config',
  LEDGER_MISSING: 'config',
  LEDGER_SIGNER_UNREADABLE: 'config',
  POLICY_INVALID: 'config',
  TEMPORAL_NOT_FOUND: 'config',

  // refusals
  PLAN_UNKNOWN: 'refusal',
  PLAN_EXPIRED: 'refusal',
  PLAN_STALE: 'refusal',
  PLAN_EMPTY: 'refusal',
  APPROVAL_MISSING: 'refusal',
  APPROVAL_SAME_PERSON: 'refusal',
  APPROVAL_TWICE: 'refusal',
  APPROVAL_DIGEST: 'refusal',
  PLAN_REJECTED: 'refusal',
  STATEMENT_NOT_APPROVED: 'refusal',
  RUN_NOT_OPEN: 'refusal',
  RUN_STOPPED: 'refusal',
  RUN_OPEN: 'refusal',
  CLOCK_SKEW: 'refusal',
  AS_OF_IN_FUTURE: 'refusal',
  ISOLATION_LEVEL: 'refusal',
  FENCED: 'refusal',
  UNSEALED_BACKLOG: 'transient',
  RECORD_FROZEN: 'refusal',
  HOLD_UNKNOWN: 'refusal',
  HOLD_SCOPE_EMPTY: 'refusal',
  HOLD_RELEASED: 'refusal',
  HOLD_SCOPE_LOST: 'refusal',
  HOLDS_LOST: 'refusal',
  MATTER_UNKNOWN: 'refusal',
  CONFIRMATION_MISSING: 'refusal',
  DECLINED: 'refusal',
  LEDGER_ENTRY_TOO_LARGE: 'refusal',
  EPOCH_KEY_IN_USE: 'refusal',
  EPOCH_KEY_HELD: 'refusal',
  LEDGER_EXISTS: 'refusal',
  CERTIFICATE_NOTHING: 'refusal',
  CERTIFICATE_TOO_LARGE: 'refusal',
  CERTIFICATE_NAME_LOST: 'refusal',

  // the governed system
  SCHEMA_DRIFT: 'store',
  STORE_REJECTED: 'store',

  // try again
  STORE_UNAVAILABLE: 'transient',
  STORE_BUSY: 'transient',
  TEMPORAL_UNAVAILABLE: 'transient',
  WORKER_UNAVAILABLE: 'transient',
  RUN_STILL_MOVING: 'transient',
  LEDGER_LAGS: 'transient',
  CERTIFICATE_PENDING: 'transient',
  LEDGER_SINK_UNAVAILABLE: 'transient',
  TIMESTAMP_UNAVAILABLE: 'transient',

  // evidence
  BATCH_MISMATCH: 'integrity',
  RUN_INCOMPLETE: 'integrity',
  LEDGER_BEHIND: 'integrity',
  LEDGER_BROKEN: 'integrity',
  LEDGER_FORKED: 'integrity',
  TIMESTAMP_INVALID: 'integrity',
  LEDGER_MALFORMED: 'integrity',
  CERTIFICATE_MALFORMED: 'integrity',
  SIGNATURE_INVALID: 'integrity',

  // ours
  INVARIANT_BROKEN: 'bug',
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Small, printable facts about a failure; never a record key, never a governed value. */
export type ErrorFacts = Readonly<Record<string, string | number | boolean>>;

/** What every layer of Retain throws. `message` is one sentence a person can act on. */
export class RetentionError extends Error {
  override readonly name = 'RetentionError';
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.kind = ERROR_CODES[code];
    this.facts = facts;
  }
}

/** True when `code` is one of ours: used where a code comes back as a string across a boundary. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

/** Throws `INVARIANT_BROKEN` unless `condition` holds: for what cannot be false unless we are wrong. */
export function invariant(
  condition: boolean,
  message: string,
  facts: ErrorFacts = {},
): asserts condition {
  if (!condition) throw new RetentionError('INVARIANT_BROKEN', message, facts);
}
