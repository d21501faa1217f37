import { ApplicationFailure, TemporalFailure } from '@temporalio/workflow';
import { type ErrorCode, isErrorCode } from '../domain/errors.ts';

/**
 * The public code behind a failure that came through activities and children: the innermost one, since
 * outer layers only pass it on. `RUN_INCOMPLETE` when there is none, as after a termination by hand.
 */
export function codeOf(error: unknown): ErrorCode {
  return codedFailure(error)?.code ?? 'RUN_INCOMPLETE';
}

/**
 * The same failure as one that ends an update or a workflow, with its code as type. Anything that is not
 * a failure of Temporal is a mistake of ours and is handed back: it fails the workflow task, which is
 * retried until a corrected worker comes.
 */
export function asFailure(error: unknown): unknown {
  if (!(error instanceof TemporalFailure)) return error;
  const found = codedFailure(error);
  if (found === undefined) return error;
  return ApplicationFailure.create({
    type: found.code,
    message: found.failure.message,
    nonRetryable: true,
    ...(found.failure.details && { details: found.failure.details }),
  });
}

export function refusal(code: ErrorCode, message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, code);
}

function codedFailure(
  error: unknown,
): { readonly code: ErrorCode; readonly failure: ApplicationFailure } | undefined {
  let found: { readonly code: ErrorCode; readonly failure: ApplicationFailure } | undefined;
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof ApplicationFailure && at.type && isErrorCode(at.type)) {
      found = { code: at.type, failure: at };
    }
  }
  return found;
}
