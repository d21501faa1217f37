/** The one checkpoint that all proofs of a certificate lead to. */
import { RetentionError } from '../../domain/errors.ts';
import { formatVkey } from '../note-key.ts';
import { openCheckpoint, type Policy } from '../policy.ts';
import type { Evidence } from './evidence.ts';
import type { ReportCertificateFinding } from './findings.ts';
import type { VerifiedHead } from './report.ts';

/**
 * The checkpoint of `main`. Reports `E_NOTE`, `E_SIG` and then answers nothing, since nothing stands without
 * a signed head; `E_WITNESS` when the quorum of the policy is not met; `E_HEADS` when another proof is of
 * another checkpoint: indexes compare within one tree only.
 */
export function verifiedHead(
  main: Evidence,
  others: readonly Evidence[],
  policy: Policy,
  report: ReportCertificateFinding,
): VerifiedHead | undefined {
  const opened = open(main, policy, report);
  if (opened === undefined) return undefined;
  if (!opened.quorum) {
    report('E_WITNESS', 'Not enough witnesses of the policy have cosigned the checkpoint.');
  }
  if (others.some(({ proof }) => !proof.checkpoint.equals(main.proof.checkpoint))) {
    report('E_HEADS', 'The proofs are not all of the same checkpoint.');
  }
  const { origin, size, root } = opened.checkpoint;
  const logKeys = opened.logKeys.map(({ name, publicKey, type }) =>
    formatVkey(name, publicKey, type),
  );
  return { origin, size, root, logKeys, witnesses: opened.cosigners };
}

function open({ proof }: Evidence, policy: Policy, report: ReportCertificateFinding) {
  try {
    return openCheckpoint(proof.checkpoint, policy);
  } catch (error) {
    if (!(error instanceof RetentionError) || error.code !== 'SIGNATURE_INVALID') throw error;
    const { key } = error.facts;
    if (key === undefined) report('E_NOTE', 'No log key of the policy has signed the checkpoint.');
    else report('E_SIG', `The signature of ${key} under the checkpoint is bad.`);
    return undefined;
  }
}
