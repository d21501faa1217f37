/** Checks a certificate of destruction with nothing but a policy: no network, no database, no other file. */
import { preAuthEncoding } from '../dsse.ts';
import { verifySignature } from '../ed25519.ts';
import { sha256 } from '../hashing.ts';
import type { Policy } from '../policy.ts';
import { malformed } from '../text.ts';
import { type CheckContext, checkContext } from './check.ts';
import {
  base64Bytes,
  type Evidence,
  type StatementEvidence,
  statementEvidence,
} from './evidence.ts';
import type { CertificateFinding } from './findings.ts';
import {
  CERTIFICATE_TYPE,
  type Certificate,
  readCertificate,
  readShape,
  signedPart,
} from './format.ts';
import { verifiedHead } from './head.ts';
import { logKeys } from './keys.ts';
import { checkRecord, recordParts } from './record.ts';
import type { CertificateReport } from './report.ts';
import { checkRun, runParts } from './run.ts';
import { checkTimestamp } from './timestamp.ts';

const UNSIGNED_TIMESTAMP =
  'The timestamp is about exactly this checkpoint; who made it was not checked. The time in it is proven once openssl ts -verify finds it signed by an authority that you trust.';

/**
 * From the ground up: policy, signatures and quorum of the checkpoint; inclusion of every entry; the batch
 * of the record; validity of the keys and their signatures; the opening of the record; the approval; the
 * words; last the timestamp, and who signed all this. The facts are there only when nothing was found.
 *
 * Throws `CERTIFICATE_MALFORMED` for what is no certificate at all, whoever made it.
 */
export function verifyCertificate(bytes: Uint8Array, policy: Policy): CertificateReport {
  const certificate = readCertificate(bytes);
  const findings: CertificateFinding[] = [];
  const report = (code: CertificateFinding['code'], message: string) =>
    void findings.push({ code, message });
  const keys = readShape(() => certificate.keys.map(keyEvidence));
  const common = { sha256: sha256(Buffer.from(bytes)).toString('hex'), findings };
  const proven = <T>(facts: T | undefined) => (findings.length === 0 ? facts : undefined);

  /** Runs `check` when there is a head that holds, and then looks at who signed all this. */
  const checked = <T>(main: Evidence, others: Evidence[], check: (context: CheckContext) => T) => {
    const head = verifiedHead(main, [...others, ...keys], policy, report);
    if (head === undefined) return { facts: undefined, timestamp: undefined, remarks: [] };
    const context = checkContext(head, logKeys(keys, head, report), report);
    for (const key of keys) context.requireIncluded(`entry ${key.proof.index} about keys`, key);
    const facts = check(context);
    const { tsr } = certificate;
    const { checkpoint } = main.proof;
    const timestamp =
      tsr === null ? undefined : checkTimestamp(base64Bytes(tsr), checkpoint, report);
    checkIssuer(certificate, context);
    return { facts: proven(facts), timestamp, remarks: remarks(timestamp, policy, context) };
  };

  if (certificate.kind === 'record') {
    const parts = readShape(() => recordParts(certificate));
    const { record, header, approval } = parts;
    const outcome = checked(record, [header, approval], (context) =>
      checkRecord(certificate, parts, context),
    );
    return { kind: 'record', certificate, ...common, ...outcome };
  }
  const parts = readShape(() => runParts(certificate));
  const { plan, approval, open, close } = parts;
  const outcome = checked(close, [plan, approval, open], (context) =>
    checkRun(certificate, parts, context),
  );
  return { kind: 'run', certificate, ...common, ...outcome };
}

function keyEvidence(json: Certificate['keys'][number]): StatementEvidence {
  const evidence = statementEvidence(json);
  const { kind } = evidence.statement;
  if (kind === 'genesis' || kind === 'key') return evidence;
  throw malformed(`An entry of kind ${kind} stands among the keys`);
}

/** The whole file is signed, so that its words are the organisation's and not somebody else's. */
function checkIssuer(certificate: Certificate, { keys, head, report }: CheckContext): void {
  const key = keys.validBefore(certificate.signed_by, head.size);
  const message = preAuthEncoding(CERTIFICATE_TYPE, signedPart(certificate));
  if (key !== undefined && verifySignature(key, message, base64Bytes(certificate.signature)))
    return;
  report('E_ISSUER', 'The certificate is not signed by a valid key, or was changed since.');
}

function remarks(timestamp: string | undefined, policy: Policy, { keys }: CheckContext): string[] {
  return [
    ...(policy.quorum === null
      ? ['The policy asks for no witness: the organisation could show others another log.']
      : []),
    ...(timestamp === undefined ? [] : [UNSIGNED_TIMESTAMP]),
    ...keys.revoked().map(({ name, index }) => `The key ${name} was revoked at entry ${index}.`),
  ];
}
