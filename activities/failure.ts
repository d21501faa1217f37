import { ApplicationFailure, TemporalFailure } from '@temporalio/common';
import { RetentionError } from '../domain/errors.ts';
import { mayRetry } from '../domain/retry.ts';

/** The type of a failure that is none of ours: it has no section in the error catalogue. */
export const UNEXPECTED = 'UNEXPECTED';

/**
 * What may leave an activity. A public code travels with its sentence and its facts; anything else is
 * reduced to an SQLSTATE or the name of its class, because drivers quote values in their messages
 * (`Key (email)=(…) already exists`). The cause never travels. Failures of Temporal pass unchanged:
 * cancellation must stay recognisable.
 */
export function toFailure(error: unknown): TemporalFailure {
  if (error instanceof TemporalFailure) return error;
  if (error instanceof RetentionError) {
    return ApplicationFailure.create({
      type: error.code,
      message: error.message,
      nonRetryable: !mayRetry(error.code),
      details: [error.facts],
    });
  }
  return ApplicationFailure.create({ type: UNEXPECTED, message: anonymous(error) });
}

/** What an error we did not make may say of itself: an SQLSTATE, a fixed code or the name of its class. */
export function anonymous(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown failure';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (/^[0-9A-Z]{5}$/.test(code)) return `SQLSTATE ${code}`;
  // Node's own codes (ECONNRESET) and the driver's (CONNECTION_CLOSED) are words of a fixed list.
  return /^[A-Z][A-Z_]{2,40}$/.test(code) ? code : error.constructor.name;
}
