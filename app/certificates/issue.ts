/** Signing a certificate, and reading it as its receiver will before it is handed out. */
import { RetentionError } from '../../domain/errors.ts';
import type {
  Certificate,
  RecordCertificate,
  RunCertificate,
} from '../../ledger/certificate/format.ts';
import type {
  CertificateReport,
  RecordReport,
  RunReport,
} from '../../ledger/certificate/report.ts';
import { signCertificate, type Unsigned } from '../../ledger/certificate/sign.ts';
import { verifyCertificate } from '../../ledger/certificate/verify.ts';
import type { SigningKey } from '../../ledger/ed25519.ts';
import type { Policy } from '../../ledger/policy.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import type { PlacedEntry } from './entries.ts';

export interface Issued<R extends CertificateReport> {
  /** The file, byte for byte. */
  readonly bytes: Buffer;
  /** What it proves. */
  readonly report: R;
}

/** `keys` are all statements about keys. Throws `LEDGER_BROKEN` for a certificate that would prove nothing. */
export function issueRecord(
  keys: readonly PlacedEntry[],
  unsigned: Unsigned<RecordCertificate>,
  key: SigningKey,
): Issued<RecordReport> {
  const { bytes, report } = issue(keys, unsigned, key);
  if (report.kind === 'record') return { bytes, report };
  throw unproven('kind');
}

/** As `issueRecord`. */
export function issueRun(
  keys: readonly PlacedEntry[],
  unsigned: Unsigned<RunCertificate>,
  key: SigningKey,
): Issued<RunReport> {
  const { bytes, report } = issue(keys, unsigned, key);
  if (report.kind === 'run') return { bytes, report };
  throw unproven('kind');
}

/** Throws `LEDGER_BROKEN` for a certificate that would prove nothing: the databases were changed. */
function issue<C extends Certificate>(
  keys: readonly PlacedEntry[],
  unsigned: Unsigned<C>,
  key: SigningKey,
): Issued<CertificateReport> {
  const bytes = signCertificate<C>(unsigned, key);
  const report = verifyCertificate(bytes, ownPolicy(keys));
  const [finding] = report.findings;
  if (finding !== undefined) throw unproven(finding.code);
  return { bytes, report };
}

/** Trusts every key that this log ever named as its own: what others trust is theirs to say. */
function ownPolicy(keys: readonly PlacedEntry[]): Policy {
  const vkeys = new Set<string>();
  for (const { statement } of keys) {
    if (statement.kind === 'genesis') vkeys.add(statement.log_vkey);
    if (statement.kind === 'key' && statement.role === 'log') vkeys.add(statement.vkey);
  }
  const lines = [...vkeys].map((vkey) => `log ${vkey}\n`).join('');
  return parsePolicy(Buffer.from(`${lines}quorum none\n`, 'utf8'));
}

function unproven(code: string): RetentionError {
  return new RetentionError(
    'LEDGER_BROKEN',
    `The ledger in the databases does not prove what it says (${code}): no certificate was made. Run: retain log verify --database`,
    { finding: code },
  );
}
