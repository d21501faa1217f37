/** Where the ledger is published, as the environment says. */
import { bucketAt, policyIn } from '../app/ledger/destinations.ts';
import { folderSink } from '../app/ledger/folder-sink.ts';
import type { LogSink } from '../app/ledger/publish.ts';
import type { Env } from '../config/env.ts';
import type { Policy } from '../ledger/policy.ts';

/** Where signed heads go. */
export interface Publication {
  readonly sinks: readonly LogSink[];
  /** Whose witnesses must have seen a head before it is published. */
  readonly policy: Policy | undefined;
  /** A timestamping authority (RFC 3161). */
  readonly tsaUrl: string | undefined;
}

export const NO_PUBLICATION: Publication = { sinks: [], policy: undefined, tsaUrl: undefined };

/** Throws `CONFIG_INVALID` for a policy that cannot be read and a bucket without credentials, `POLICY_INVALID`. */
export function publicationOf(env: Env): Publication {
  return {
    sinks: [
      ...(env.ledgerDir === undefined ? [] : [folderSink(env.ledgerDir)]),
      ...(env.ledgerBucket === undefined ? [] : [bucketAt(env, env.ledgerBucket)]),
    ],
    policy: env.ledgerPolicy === undefined ? undefined : policyIn(env.ledgerPolicy),
    tsaUrl: env.tsaUrl,
  };
}
