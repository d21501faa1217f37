/** A bucket with the published log, in an account that whoever runs the databases does not run. */
import { RetentionError } from '../../domain/errors.ts';
import type { Bucket } from '../../stores/s3-put.ts';
import type { LogSink } from './publish.ts';

export interface BucketSinkOptions {
  /** For messages. */
  readonly name: string;
  /** Before every path: empty, or ending with a slash. */
  readonly prefix: string;
  /** Until when what is written now cannot be removed; undefined writes without retention. */
  readonly retainUntil?: () => Date;
}

/**
 * Publishes into a bucket. A tile that is there with other bytes throws `LEDGER_FORKED`. A checkpoint is
 * replaced; in a bucket with versions, which retention needs, every earlier one stays.
 */
export function bucketSink(
  bucket: Bucket,
  { name, prefix, retainUntil }: BucketSinkOptions,
): LogSink {
  return {
    name,
    write: async (path, bytes, kind) => {
      const until = retainUntil?.();
      const key = `${prefix}${path}`;
      const written = await bucket.put(key, bytes, {
        onlyIfNew: kind === 'immutable',
        ...(until !== undefined && { retainUntil: until }),
      });
      if (written === 'exists' && !(await bucket.get(key))?.equals(bytes)) {
        throw new RetentionError(
          'LEDGER_FORKED',
          `${name} has ${path} with other bytes; it stays as it is. Keep everything as it is and run: retain log verify`,
          { sink: name },
        );
      }
    },
    readCheckpoint: () => bucket.get(`${prefix}checkpoint`),
  };
}
