/** Publishes entries in memory and verifies them: what most tests of the verifier do. */
import type { FindingCode } from '../../ledger/verify/findings.ts';
import {
  type VerifyOptions,
  type VerifyReport,
  verifyLog,
} from '../../ledger/verify/verify-log.ts';
import { type BuiltLog, buildLog, NOW, type PublishOptions } from './log-builder.ts';
import { ORIGIN, type Piece, testKey } from './log-teller.ts';

export const PUBLISHED: PublishOptions = { origin: ORIGIN, logKey: testKey('log', 1) };

/** The report on a log of these entries, published and signed as they are. */
export async function verified(
  pieces: Iterable<Piece>,
  published: Partial<PublishOptions> = {},
): Promise<VerifyReport> {
  return verifyBuilt(await buildLog(pieces, { ...PUBLISHED, ...published }));
}

export function verifyBuilt(
  { source, policy }: Pick<BuiltLog, 'source' | 'policy'>,
  options: Partial<VerifyOptions> = {},
): Promise<VerifyReport> {
  return verifyLog(source, policy, { now: NOW, ...options });
}

/** Each code once, in the order in which they were found. */
export function codes({ findings }: VerifyReport): FindingCode[] {
  return [...new Set(findings.map(({ code }) => code))];
}
