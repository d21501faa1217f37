import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { toFailure } from '../../activities/failure.ts';
import { ERROR_CODES, type ErrorCode, isErrorCode, RetentionError } from '../../domain/errors.ts';
import { FINAL_CODES, mayRetry } from '../../domain/retry.ts';

const CANARY = 'canary-7f3a@example.org';

const ONLY_REPEATS: readonly string[] = ['refusal', 'store', 'integrity', 'bug'];
/** Refusals of one attempt or one worker: a newer attempt, or a worker that is set up right, may go on. */
const ANOTHER_ATTEMPT_MAY: readonly string[] = ['FENCED', 'CLOCK_SKEW'];

test.each(Object.keys(ERROR_CODES).filter(isErrorCode))(
  '%s travels with its sentence and facts, and is retried only when that can help',
  (code: ErrorCode) => {
    const cause = new Error(CANARY);
    const failure = toFailure(new RetentionError(code, 'A sentence.', { step: 1 }, cause));
    expect(failure).toMatchObject({
      type: code,
      message: 'A sentence.',
      details: [{ step: 1 }],
      nonRetryable: ONLY_REPEATS.includes(ERROR_CODES[code]) && !ANOTHER_ATTEMPT_MAY.includes(code),
      cause: undefined,
    });
    expect(FINAL_CODES.includes(code)).toBe(!mayRetry(code));
  },
);

test.each([
  ['an SQLSTATE', Object.assign(new Error(CANARY), { code: '23505' }), 'SQLSTATE 23505'],
  ['a code of Node', Object.assign(new Error(CANARY), { code: 'ECONNRESET' }), 'ECONNRESET'],
  ['a code that is a sentence', Object.assign(new Error(CANARY), { code: CANARY }), 'Error'],
  ['the name of its class', new TypeError(CANARY), 'TypeError'],
  ['nothing, when it is no error', CANARY, 'unknown failure'],
])('an error that is not ours shows %s, and is retried', (_, error, message) => {
  const failure = toFailure(error);
  expect(failure).toMatchObject({ type: 'UNEXPECTED', message, nonRetryable: false });
  expect(JSON.stringify({ ...failure, message: failure.message })).not.toContain(CANARY);
});

test('a cancellation stays recognisable', () => {
  const cancelled = new CancelledFailure('cancelled');
  expect(toFailure(cancelled)).toBe(cancelled);
  const ours = ApplicationFailure.create({ type: 'PLAN_STALE' });
  expect(toFailure(ours)).toBe(ours);
});
