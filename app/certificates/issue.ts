/** Signing a certificate, and reading it as its receiver will before it is handed out. */
import type { LedgerDb } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import type {
  Certificate,
  OpenedName,
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
import { nameReference } from '../../ledger/names.ts';
import type { Policy } from '../../ledger/policy.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import { placed } from './entries.ts';

export interface Issued<R extends CertificateReport> {
  /** The file, byte for byte. */
  readonly bytes: Buffer;
  /** What it proves. */
  readonly report: R;
}

type Ledger = Pick<LedgerDb, 'statements'>;

export async function issueRecord(
  ledger: Ledger,
  unsigned: Unsigned<RecordCertificate>,
  key: SigningKey,
): Promise<Issued<RecordReport>> {
  const { bytes, report } = await issue(ledger, unsigned, key);
  if (report.kind === 'record') return { bytes, report };
  throw unproven('kind');
}

export async function issueRun(
  ledger: Ledger,
  unsigned: Unsigned<RunCertificate>,
  key: SigningKey,
): Promise<Issued<RunReport>> {
  const { bytes, report } = await issue(ledger, unsigned, key);
  if (report.kind === 'run') return { bytes, report };
  throw unproven('kind');
}

/**
 * The names of people with the salts that open their references in the log. Whoever has one can tell
 * which other entries are of the same person: a certificate is for those who may know who approved it.
 */
export function openedName(namesKey: Buffer, name: string): OpenedName {
  return { name, salt: nameReference(namesKey, name).salt.toString('hex') };
}

/** Throws `LEDGER_BROKEN` for a certificate that would prove nothing: the databases were changed. */
async function issue<C extends Certificate>(
  ledger: Ledger,
  unsigned: Unsigned<C>,
  key: SigningKey,
): Promise<Issued<CertificateReport>> {
  const bytes = signCertificate<C>(unsigned, key);
  const report = verifyCertificate(bytes, await ownPolicy(ledger));
  const [finding] = report.findings;
  if (finding !== undefined) throw unproven(finding.code);
  return { bytes, report };
}

/** Trusts every key that this log ever named as its own: what others trust is theirs to say. */
async function ownPolicy(ledger: Ledger): Promise<Policy> {
  const vkeys = new Set<string>();
  for (const { firstIndex, entry } of await ledger.statements(['genesis', 'key'])) {
    if (entry === null) continue;
    const { statement } = placed(firstIndex, entry);
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
