/** The checkpoint of a log: signed by the log key and enough witnesses, no older than what was seen before. */
import { RetentionError } from '../../domain/errors.ts';
import type { TreeHead } from '../checkpoint.ts';
import { formatVkey } from '../note-key.ts';
import {
  type Cosigner,
  type OpenedCheckpoint,
  openCheckpoint,
  type Policy,
  quorumMet,
} from '../policy.ts';
import type { ReportFinding } from './findings.ts';
import { type LogSource, readCheckpoint } from './log-source.ts';
import type { EarlierHead } from './tree-check.ts';

/** A checkpoint note that was good once. */
export interface OlderCheckpoint {
  /** What it is called in a finding, such as `the kept checkpoint`. */
  readonly label: string;
  readonly note: Buffer;
}

export interface CheckedHead extends TreeHead {
  /** The checkpoint note, byte for byte. */
  readonly note: Buffer;
  /** Vkeys of the log that signed it. */
  readonly logKeys: readonly string[];
  readonly cosigners: readonly Cosigner[];
  /** Smaller heads that the tree must have passed through. */
  readonly earlier: readonly EarlierHead[];
}

/** Whoever wrote the checkpoint also wrote its name: it is not repeated. */
const UNSIGNED = 'No log key of the policy has signed the checkpoint under the name that it has.';

interface HeadCheck {
  readonly source: LogSource;
  readonly policy: Policy;
  /** The log that was asked for; undefined for any of the policy. */
  readonly origin: string | undefined;
  readonly older: ((origin: string) => Promise<readonly OlderCheckpoint[]>) | undefined;
  readonly report: ReportFinding;
}

/** Undefined, after a finding, when the checkpoint says nothing that can be trusted. */
export async function checkHead(check: HeadCheck): Promise<CheckedHead | undefined> {
  const { source, policy, older, report } = check;
  const file = await readCheckpoint(source);
  if ('lacks' in file) {
    report(file.lacks === 'E_FORMAT' ? 'E_NOTE' : file.lacks, file.message);
    return undefined;
  }
  const opened = open(file.bytes, policy, report);
  if (opened === undefined) return undefined;
  const { checkpoint, logKeys, cosigners, quorum } = opened;
  if (!quorum) report('E_WITNESS', quorumMessage(policy, cosigners));
  const { origin, size, root } = checkpoint;
  if (check.origin !== undefined && origin !== check.origin) {
    report('E_NOTE', `The checkpoint is of ${origin}, and ${check.origin} was asked for.`);
    return undefined;
  }
  const seen = (await older?.(origin)) ?? [];
  return {
    ...{ origin, size, root, cosigners, note: file.bytes },
    logKeys: logKeys.map(({ name, publicKey, type }) => formatVkey(name, publicKey, type)),
    earlier: seen.flatMap((one) => compare(one, checkpoint, check) ?? []),
  };
}

/**
 * When the witnesses last saw this head, in seconds since 1970: the latest instant since which cosignatures
 * enough for the quorum were made. Undefined when nobody cosigned it.
 */
export function witnessedAt(policy: Policy, cosigners: readonly Cosigner[]): number | undefined {
  const latestFirst = [...cosigners].sort((a, b) => b.unixSeconds - a.unixSeconds);
  const names = new Set<string>();
  for (const { name, unixSeconds } of latestFirst) {
    names.add(name);
    if (quorumMet(policy, names)) return unixSeconds;
  }
  return undefined;
}

function open(note: Buffer, policy: Policy, report: ReportFinding): OpenedCheckpoint | undefined {
  try {
    return openCheckpoint(note, policy);
  } catch (error) {
    if (!(error instanceof RetentionError)) throw error;
    const { code, message, facts } = error;
    if (code !== 'LEDGER_MALFORMED' && code !== 'SIGNATURE_INVALID') throw error;
    // A signature that names a key of the policy and is bad tells of an edit; none at all, of another log.
    const isUnsigned = code === 'SIGNATURE_INVALID' && !('key' in facts);
    const isBad = code === 'SIGNATURE_INVALID' && !isUnsigned;
    report(isBad ? 'E_SIG' : 'E_NOTE', isUnsigned ? UNSIGNED : message);
    return undefined;
  }
}

/** The head of an older checkpoint when the tree itself must show that it begins like it. */
function compare(
  { label, note }: OlderCheckpoint,
  head: TreeHead,
  { policy, report }: HeadCheck,
): EarlierHead | undefined {
  const refuse: ReportFinding = (_, message) =>
    report('E_OLDER', `Nothing can be compared with ${label}: ${message}`);
  const opened = open(note, policy, refuse);
  if (opened === undefined) return undefined;
  const { origin, size, root } = opened.checkpoint;
  if (origin !== head.origin) {
    report('E_OLDER', `Nothing can be compared with ${label}: it is of another log.`);
  } else if (size > head.size) {
    report('E_ROLLBACK', `The log has ${head.size} entries and had ${size} in ${label}.`);
  } else if (size === head.size) {
    if (!root.equals(head.root)) report('E_FORK', `The ${size} entries are not those of ${label}.`);
  } else if (size > 0) {
    return { label, size, root };
  }
  return undefined;
}

function quorumMessage({ quorum }: Policy, cosigners: readonly Cosigner[]): string {
  const names = cosigners.map(({ name }) => name);
  const by = names.length === 0 ? 'nobody of the policy' : `${names.join(', ')} only`;
  return `The policy asks for ${quorum ?? 'none'}; the checkpoint is cosigned by ${by}.`;
}
