/** The timestamp that a certificate carries: about this checkpoint, or no timestamp of it. */
import { RetentionError } from '../../domain/errors.ts';
import { sha256 } from '../hashing.ts';
import { readTimestamp, type Timestamp } from '../timestamp.ts';
import type { ReportCertificateFinding } from './findings.ts';

/**
 * When the authority says that the checkpoint was there. Reports `E_TIMESTAMP` and answers nothing for a
 * response that grants no timestamp, that cannot be read, or whose message imprint is not the SHA-256 of
 * exactly this note. The authority's signature is not verified.
 */
export function checkTimestamp(
  response: Buffer,
  checkpoint: Buffer,
  report: ReportCertificateFinding,
): string | undefined {
  const timestamp = read(response, report);
  if (timestamp === undefined) return undefined;
  if (timestamp.digest.equals(sha256(checkpoint))) return timestamp.at;
  report('E_TIMESTAMP', 'The timestamp is about other bytes than the checkpoint of the proofs.');
  return undefined;
}

function read(response: Buffer, report: ReportCertificateFinding): Timestamp | undefined {
  try {
    return readTimestamp(response);
  } catch (error) {
    if (!(error instanceof RetentionError) || error.code !== 'TIMESTAMP_INVALID') throw error;
    report('E_TIMESTAMP', `The timestamp is of no use: ${error.facts['why']}.`);
    return undefined;
  }
}
