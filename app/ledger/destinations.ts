/** Where signed heads go, as the environment says. */
import { readFileSync } from 'node:fs';
import type { Env } from '../../config/env.ts';
import { RetentionError } from '../../domain/errors.ts';
import type { Policy } from '../../ledger/policy.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import type { AwsCredentials } from '../../stores/aws-signature.ts';
import { s3Bucket } from '../../stores/s3-put.ts';
import { bucketSink } from './bucket-sink.ts';
import type { LogSink } from './publish.ts';

const DAY_MS = 86_400_000;

/** The bucket at `url`. Throws `CONFIG_INVALID` when its credentials are missing. */
export function bucketAt(env: Env, url: string): LogSink {
  const { origin, pathname } = new URL(url);
  const [bucket = '', ...folders] = pathname.split('/').filter((part) => part !== '');
  const lockDays = env.ledgerLockDays;
  return bucketSink(
    s3Bucket({ endpoint: origin, bucket }, credentialsOf(env), () => new Date()),
    {
      name: url,
      prefix: folders.map((folder) => `${folder}/`).join(''),
      ...(lockDays !== undefined && {
        retainUntil: () => new Date(Date.now() + lockDays * DAY_MS),
      }),
    },
  );
}

/** The variables that every tool for such buckets reads. */
function credentialsOf(env: Env): AwsCredentials {
  const required = (name: string): string => {
    const value = env.variable(name)?.trim();
    if (value) return value;
    throw new RetentionError('CONFIG_INVALID', `RETAIN_LEDGER_BUCKET is set and ${name} is not.`, {
      variable: name,
    });
  };
  const sessionToken = env.variable('AWS_SESSION_TOKEN');
  return {
    accessKeyId: required('AWS_ACCESS_KEY_ID'),
    secretAccessKey: required('AWS_SECRET_ACCESS_KEY'),
    region: required('AWS_REGION'),
    ...(sessionToken && { sessionToken }),
  };
}

/** The policy in a file. Throws `CONFIG_INVALID` for one that cannot be read, `POLICY_INVALID`. */
export function policyIn(path: string): Policy {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new RetentionError(
      'CONFIG_INVALID',
      'RETAIN_LEDGER_POLICY names no file that can be read.',
      { variable: 'RETAIN_LEDGER_POLICY' },
      cause,
    );
  }
  return parsePolicy(bytes);
}
