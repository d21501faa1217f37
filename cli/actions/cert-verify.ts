import { RetentionError } from '../../domain/errors.ts';
import { certificateExitCode } from '../../ledger/certificate/findings.ts';
import { CERTIFICATE_BYTES_MAX } from '../../ledger/certificate/format.ts';
import { verifyCertificate } from '../../ledger/certificate/verify.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import type { CertVerifyOptions } from '../options.ts';
import { verifiedData, verifiedLines } from '../output/cert.ts';
import { readUpTo } from '../read-file.ts';
import type { Shell } from '../shell.ts';

/** Policies are a few lines; anything longer is another file. */
const POLICY_BYTES_MAX = 1_048_576;
const PDF_MAGIC = Buffer.from('%PDF-', 'latin1');

/** Needs neither a database nor an environment: whoever has the two files can run it. */
export function verify(shell: Shell, file: string, options: CertVerifyOptions): Promise<number> {
  const policy = parsePolicy(bytesOf(options.policy, POLICY_BYTES_MAX));
  const bytes = bytesOf(file, CERTIFICATE_BYTES_MAX);
  if (bytes.subarray(0, PDF_MAGIC.length).equals(PDF_MAGIC)) {
    throw new RetentionError(
      'USAGE',
      `${file} is the PDF. Save the certificate.json that is attached to it, and verify that.`,
    );
  }
  const report = verifyCertificate(bytes, policy);
  const exitCode = certificateExitCode(report.findings);
  if (shell.json) shell.data(verifiedData(report, exitCode));
  else shell.print(...verifiedLines(report, shell.paint));
  return Promise.resolve(exitCode);
}

/** One byte more than allowed is read, so that what is too long is seen to be. */
function bytesOf(file: string, maxBytes: number): Buffer {
  const bytes = read(file, maxBytes);
  if (bytes === undefined) {
    throw new RetentionError('USAGE', `There is no file ${file}, or it cannot be read.`);
  }
  return bytes;
}

function read(file: string, maxBytes: number): Buffer | undefined {
  try {
    return readUpTo(file, maxBytes + 1);
  } catch {
    return undefined;
  }
}
