/** Where the ledger is published, as the environment says. */
import { readFileSync } from 'node:fs';
import { bucketSink } from '../app/ledger/bucket-sink.ts';
import { folderSink } from '../app/ledger/folder-sink.ts';
import type { LogSink } from '../app/ledger/publish.ts';
import type { Env } from '../config/env.ts';
import { RetentionError } from '../domain/errors.ts';
import type { Policy } from '../ledger/policy.ts';
import { parsePolicy } from '../ledger/policy-file.ts';
import { s3Bucket } from '../stores/s3-put.ts';

/** Where signed heads go. */
export interface Publication {
  readonly sinks: readonly LogSink[];
  /** Whose witnesses must have seen a head before it is published. */
  readonly policy: Policy | undefined;
  /** A timestamping authority (RFC 3161). */
  readonly tsaUrl: string | undefined;
}

export const NO_PUBLICATION: Publication = { sinks: [], policy: undefined, tsaUrl: undefined };

const DAY_MS = 86_400_000;

/** Throws `CONFIG_INVALID` for a policy that cannot be read and a bucket without credentials, `POLICY_INVALID`. */
export function publicationOf(env: Env): Publication {
  return {
    sinks: [
      ...(env.ledgerDir === undefined ? [] : [folderSink(env.ledgerDir)]),
      ...(env.ledgerBucket === undefined ? [] : [bucketOf(env, env.ledgerBucket)]),
    ],
    policy: env.ledgerPolicy === undefined ? undefined : readPolicy(env.ledgerPolicy),
    tsaUrl: env.tsaUrl,
  };
}

function bucketOf(env: Env, url: string): LogSink {
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
function credentialsOf(env: Env) {
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

function readPolicy(path: string): Policy {
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
