/** Writing to a bucket that speaks S3, and reading back, with retention that nobody can shorten. */
import { createHash } from 'node:crypto';
import { RetentionError } from '../domain/errors.ts';
import { type AwsCredentials, encodeKey, signedHeaders } from './aws-signature.ts';

export interface BucketAddress {
  /** Such as `https://s3.eu-central-1.amazonaws.com`; the bucket is the first part of the path. */
  readonly endpoint: string;
  readonly bucket: string;
}

export interface PutOptions {
  /** Refuses to replace: answers `exists` instead. */
  readonly onlyIfNew: boolean;
  /** The version written can be removed by nobody before (Object Lock in compliance mode). */
  readonly retainUntil?: Date;
}

export interface Bucket {
  /** Returns when the object is durable. */
  put(key: string, body: Buffer, options: PutOptions): Promise<'written' | 'exists'>;
  /** Undefined when there is no such object. */
  get(key: string): Promise<Buffer | undefined>;
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

const TIMEOUT_MS = 30_000;
const NO_BODY = Buffer.alloc(0);
const ERROR_CODE = /<Code>([A-Za-z0-9]{1,64})<\/Code>/;

/**
 * A bucket. Every request throws `LEDGER_SINK_UNAVAILABLE`, with the status and the code of S3, for an answer
 * that is not one of success, and when none has come to its end within 30 seconds. Where the server does not know
 * `If-None-Match` (Amazon S3 and MinIO do), `onlyIfNew` writes a further version.
 */
export function s3Bucket(
  { endpoint, bucket }: BucketAddress,
  credentials: AwsCredentials,
  now: () => Date,
): Bucket {
  async function send(
    method: 'GET' | 'PUT',
    key: string,
    body: Buffer,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const url = new URL(`${endpoint.replace(/\/+$/, '')}/${encodeKey(`${bucket}/${key}`)}`);
    const request = { method, url, headers, body };
    try {
      const response = await fetch(url, {
        method,
        headers: signedHeaders(request, credentials, now()),
        ...(method === 'PUT' && { body: new Uint8Array(body) }),
        // A signature is for one host.
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
    } catch (cause) {
      throw unavailable(bucket, 'it does not answer', cause);
    }
  }

  return {
    put: async (key, body, { onlyIfNew, retainUntil }) => {
      const answer = await send('PUT', key, body, {
        ...(onlyIfNew && { 'if-none-match': '*' }),
        ...(retainUntil !== undefined && lockHeaders(retainUntil)),
        // Retention asks for a checksum in the request.
        'x-amz-sdk-checksum-algorithm': 'SHA256',
        'x-amz-checksum-sha256': createHash('sha256').update(body).digest('base64'),
      });
      if (answer.status === 412 && onlyIfNew) return 'exists';
      if (answer.status < 200 || answer.status > 299) throw refusal(bucket, answer);
      return 'written';
    },
    get: async (key) => {
      const answer = await send('GET', key, NO_BODY, {});
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw refusal(bucket, answer);
      return answer.body;
    },
  };
}

function lockHeaders(retainUntil: Date): Record<string, string> {
  return {
    'x-amz-object-lock-mode': 'COMPLIANCE',
    'x-amz-object-lock-retain-until-date': retainUntil.toISOString(),
  };
}

function refusal(bucket: string, { status, body }: Answer): RetentionError {
  const code = ERROR_CODE.exec(body.toString('utf8'))?.[1] ?? 'no code';
  return unavailable(bucket, `it answered ${status}, ${code}`);
}

function unavailable(bucket: string, what: string, cause?: unknown): RetentionError {
  return new RetentionError(
    'LEDGER_SINK_UNAVAILABLE',
    `The bucket ${bucket} cannot be used: ${what}. Mend that; publication goes on where it stopped.`,
    { bucket },
    cause,
  );
}
