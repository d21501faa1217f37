import { ERROR_CODES, type ErrorCode, isErrorCode } from './errors.ts';

/**
 * True when the same activity may succeed on another attempt: what is transient; `FENCED`, because
 * another attempt claimed the lane and the next one of ours claims it again; and what is wrong with one
 * worker rather than with the run (configuration, its clock), because another worker may take over or
 * somebody may mend it. A code we do not know may be retried: it comes from a newer worker, or is no
 * code at all.
 */
export function mayRetry(code: string): boolean {
  if (!isErrorCode(code)) return true;
  const kind = ERROR_CODES[code];
  return kind === 'transient' || kind === 'config' || code === 'FENCED' || code === 'CLOCK_SKEW';
}

const CODES: readonly ErrorCode[] = Object.keys(ERROR_CODES).filter(isErrorCode);

/** The codes for which a second attempt would only repeat the answer. */
export const FINAL_CODES: readonly ErrorCode[] = CODES.filter((code) => !mayRetry(code));

/** While a person waits for the answer, they are told what they have to mend instead of waiting for it. */
export const FINAL_FOR_PEOPLE: readonly ErrorCode[] = CODES.filter(
  (code) => ERROR_CODES[code] !== 'transient' && code !== 'FENCED',
);
