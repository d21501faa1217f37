/** Asking an authority for timestamps of checkpoints (RFC 3161): a third party's word that the log had this head by then. */
import { randomBytes } from 'node:crypto';
import { RetentionError } from '../../domain/errors.ts';
import { derInteger, timestampInvalid } from '../../ledger/der.ts';
import { sha256 } from '../../ledger/hashing.ts';
import { readTimestamp, timestampQuery } from '../../ledger/timestamp.ts';
import { boundedPost } from './bounded-post.ts';

const QUERY_MEDIA_TYPE = 'application/timestamp-query';
const NONCE_BYTES = 8;
const ANSWER_BYTES_MAX = 131_072;
const TIMEOUT_MS = 10_000;

/**
 * Asks the authority at `url` to timestamp the bytes of `note`, and answers its response as it came: what
 * belongs into a `.tsr` file. Throws `TIMESTAMP_UNAVAILABLE` when there is no answer within 10 seconds or
 * none of HTTP status 200, `TIMESTAMP_INVALID` when the answer is about other bytes or another question,
 * and as `readTimestamp` does.
 */
export async function timestampCheckpoint(
  url: string,
  note: string,
  { timeoutMs = TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): Promise<Buffer> {
  const digest = sha256(Buffer.from(note, 'utf8'));
  const nonce = derInteger(randomBytes(NONCE_BYTES));
  const limits = { timeoutMs, maxBytes: ANSWER_BYTES_MAX };
  const answer = await boundedPost(url, QUERY_MEDIA_TYPE, timestampQuery(digest, nonce), limits);
  if (answer.state === 'too_large') throw timestampInvalid(answer.reason);
  if (answer.state !== 'answered') throw unavailable(answer.reason);
  if (answer.status !== 200) throw unavailable(`it answered ${answer.status}`);
  const timestamp = readTimestamp(answer.body);
  if (!timestamp.digest.equals(digest)) {
    throw timestampInvalid('it is about other bytes than this checkpoint');
  }
  if (!timestamp.nonce?.equals(nonce)) throw timestampInvalid('it answers another question');
  return answer.body;
}

function unavailable(reason: string): RetentionError {
  return new RetentionError(
    'TIMESTAMP_UNAVAILABLE',
    `The timestamp authority does not answer: ${reason}. Check its address; the next checkpoint is timestamped again.`,
  );
}
