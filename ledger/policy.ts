/**
 * What a verifier trusts: logs, witnesses and how many of them must have seen a head
 * (c2sp.org/tlog-policy). `policy-file.ts` reads it from a file.
 */
import { RetentionError } from '../domain/errors.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { parseNote, type VerifiedSignature, verifyNote } from './note.ts';
import type { Verifier } from './note-key.ts';

/** A log or a witness. */
export interface PolicyKey {
  readonly verifier: Verifier;
  readonly url?: string;
}

/** Met when `threshold` of the members are: witnesses, or groups defined earlier. */
export interface PolicyGroup {
  readonly members: readonly string[];
  /** From 1 to the number of members. */
  readonly threshold: number;
}

export interface Policy {
  readonly logs: readonly PolicyKey[];
  /** By the name that the policy gives them, which is not that of their key. */
  readonly witnesses: ReadonlyMap<string, PolicyKey>;
  /** In the order of their definition: members come before the groups they are in. */
  readonly groups: ReadonlyMap<string, PolicyGroup>;
  /** A witness or a group; null when no cosignature is asked for. */
  readonly quorum: string | null;
}

/** A witness that has cosigned. */
export interface Cosigner {
  /** As the policy names it. */
  readonly name: string;
  /** By the witness's own clock; seconds since 1970. */
  readonly unixSeconds: number;
}

/** A checkpoint whose signatures were verified. */
export interface OpenedCheckpoint {
  readonly checkpoint: Checkpoint;
  /** Keys of the log named in the checkpoint that signed it; at least one. */
  readonly logKeys: readonly Verifier[];
  /** Each witness once, with its latest time. */
  readonly cosigners: readonly Cosigner[];
  /** Whether the cosigners are enough. Without, the head may have been shown to this reader only. */
  readonly quorum: boolean;
}

/** Whether these witnesses, by their names in the policy, are enough. */
export function quorumMet(policy: Policy, cosigners: ReadonlySet<string>): boolean {
  if (policy.quorum === null) return true;
  const met = new Set([...policy.witnesses.keys()].filter((name) => cosigners.has(name)));
  for (const [name, { members, threshold }] of policy.groups) {
    if (members.filter((member) => met.has(member)).length >= threshold) met.add(name);
  }
  return met.has(policy.quorum);
}

/**
 * Opens a checkpoint note. Throws `LEDGER_MALFORMED` for what is no checkpoint, `SIGNATURE_INVALID` when a
 * signature of any key of the policy is bad and when no key of the policy named by the checkpoint's origin
 * signed. A quorum that is not met is an answer, not an error.
 */
export function openCheckpoint(noteBytes: Uint8Array, policy: Policy): OpenedCheckpoint {
  const note = parseNote(noteBytes);
  const checkpoint = parseCheckpoint(note.text);
  const keys = [...policy.logs, ...policy.witnesses.values()].map(({ verifier }) => verifier);
  const verified = verifyNote(note, keys);
  const logKeys = logKeysOf(policy, checkpoint.origin, verified);
  if (logKeys.length === 0) {
    throw new RetentionError(
      'SIGNATURE_INVALID',
      `No log key of the policy named ${checkpoint.origin} has signed the checkpoint.`,
    );
  }
  const cosigners = cosignersOf(policy, verified);
  const quorum = quorumMet(policy, new Set(cosigners.map(({ name }) => name)));
  return { checkpoint, logKeys, cosigners, quorum };
}

/** A key named by another origin speaks for another log. */
function logKeysOf(
  policy: Policy,
  origin: string,
  verified: readonly VerifiedSignature[],
): Verifier[] {
  const signed = new Set(verified.map(({ verifier }) => verifier));
  return policy.logs
    .map(({ verifier }) => verifier)
    .filter((verifier) => verifier.name === origin && signed.has(verifier));
}

function cosignersOf(policy: Policy, verified: readonly VerifiedSignature[]): Cosigner[] {
  return [...policy.witnesses].flatMap(([name, witness]) => {
    const times = verified
      .filter(({ verifier }) => verifier === witness.verifier)
      .flatMap(({ unixSeconds }) => unixSeconds ?? []);
    return times.length === 0 ? [] : [{ name, unixSeconds: Math.max(...times) }];
  });
}
