import { ERROR_CODES, type ErrorCode, isErrorCode } from './errors.ts';

/**
 * True when the same activity may succeed on another attempt. Besides what is transient that is
 * `FENCED`: it means that another attempt claimed the lane, and the next attempt of ours claims it
 * again. A code we do not know may be retried: it comes from a newer worker, or is no code at all.
 */
export function mayRetry(code: string): boolean {
  return !isErrorCode(code) || ERROR_CODES[code] === 'transient' || code === 'FENCED';
}

/** The codes for which a second attempt would only repeat the answer. */
export const FINAL_CODES: readonly ErrorCode[] = Object.keys(ERROR_CODES)
  .filter(isErrorCode)
  .filter((code) => !mayRetry(code));
