/**
 * Verifies a published log with nothing but its files and a policy: the checkpoint and who signed it, every
 * entry and tile under its root, and whether what the entries say could happen in their order.
 */
import { invariant } from '../../domain/errors.ts';
import { parseInstant } from '../../domain/instant.ts';
import type { Policy } from '../policy.ts';
import { type Finding, type Findings, findingList, type ReportFinding } from './findings.ts';
import { type CheckedHead, checkHead, type OlderCheckpoint, witnessedAt } from './head-check.ts';
import { type JudgedCounts, judge } from './judge.ts';
import type { LogSource } from './log-source.ts';
import type { SaidOf } from './said.ts';
import { sampleLog } from './sample-log.ts';
import { walkLog } from './walk-log.ts';

export interface VerifyOptions {
  /** Seconds since 1970. */
  readonly now: number;
  /** Older than this at `now` is a finding: by its witnesses, or without any by its newest entry. */
  readonly maxAgeSeconds?: number;
  /** Another log is a finding, also when the policy trusts it; any log of the policy when missing. */
  readonly origin?: string;
  /** Checkpoints that the log of this origin must have passed through. */
  readonly older?: (origin: string) => Promise<readonly OlderCheckpoint[]>;
  /** Prove only so many entries, chosen by chance. */
  readonly sample?: number;
  /** Sees each finding that is kept, at once. */
  readonly onFinding?: (finding: Finding) => void;
  /** Entries read so far, of how many. */
  readonly onProgress?: (entries: number, size: number) => void;
}

/** A restore after which the log was brought back, as a statement of the admin key. */
export type Replay = Pick<SaidOf<'replay'>, 'index' | 'statement'>;

/** What is known of the log's age. */
export interface Freshness {
  /** `witness`: a quorum saw the checkpoint then; `entry`: the newest entry says so, and nobody confirms it. */
  readonly by: 'witness' | 'entry';
  /** Seconds since 1970. */
  readonly unixSeconds: number;
}

export interface VerifyReport {
  /** `verified` was read and judged whole without an error; `sampled` is never that. */
  readonly verdict: 'verified' | 'sampled' | 'failed';
  /** 0 and 1 with `verified` and `sampled`; see `FINDING_CODES`. */
  readonly exitCode: number;
  /** The first 100; `errors` and `warnings` count all. */
  readonly findings: readonly Finding[];
  readonly errors: number;
  readonly warnings: number;
  /** Undefined when there is no checkpoint that says anything. */
  readonly head: CheckedHead | undefined;
  readonly freshness: Freshness | undefined;
  /** Entries read and hashed; when sampled, entries proved. */
  readonly entries: number;
  readonly counts: JudgedCounts | undefined;
  /** False when `counts` ends before the first damage. */
  readonly judged: boolean;
  /** What the admin key told of restores; each with its index. */
  readonly replays: readonly Replay[];
}

interface Checked {
  readonly complete: boolean;
  readonly entries: number;
  readonly counts: JudgedCounts | undefined;
  readonly judged: boolean;
  readonly replays: readonly Replay[];
  readonly newestInstant: string | undefined;
}

const FINDINGS_MAX = 100;
/** What a clock may be ahead of ours. */
const AHEAD_SECONDS_MAX = 300;
const NOTHING: Checked = {
  ...{ complete: false, entries: 0, judged: false, counts: undefined, newestInstant: undefined },
  replays: [],
};

/**
 * Verifies the log behind `source`. What is wrong with the log is in the report. Memory does not grow with the
 * number of its records: it has the steps of plans that nobody decided on or whose run is open, the holds and
 * epochs, and an id for each run and batch (about 100 bytes). Rejects only when Retain itself fails.
 */
export async function verifyLog(
  source: LogSource,
  policy: Policy,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const findings = findingList(FINDINGS_MAX, options.onFinding);
  const { report } = findings;
  const { origin, older } = options;
  const head = await checkHead({ source, policy, origin, older, report });
  const checked = head === undefined ? NOTHING : await check(source, head, options, report);
  const freshness = head && freshnessOf(policy, head, checked);
  if (head !== undefined) checkAge(freshness, options, report);
  return {
    ...{ verdict: verdictOf(findings, checked, options), exitCode: findings.exitCode() },
    ...{ findings: findings.kept, errors: findings.errors, warnings: findings.warnings },
    ...{ head, freshness, entries: checked.entries, counts: checked.counts },
    ...{ judged: checked.judged, replays: checked.replays },
  };
}

async function check(
  source: LogSource,
  head: CheckedHead,
  { sample, onProgress }: VerifyOptions,
  report: ReportFinding,
): Promise<Checked> {
  if (sample !== undefined) {
    const proved = await sampleLog({ source, head, count: sample, report });
    return { ...NOTHING, complete: proved === sample, entries: proved };
  }
  const { origin, logKeys, size } = head;
  const judging = judge({ origin, logKeys, report });
  const { entries, covered, judged } = await walkLog({
    ...{ source, head, judge: judging, report },
    onProgress: onProgress && ((read) => onProgress(read, size)),
  });
  const { counts, newestInstant, replays } = judging;
  return { complete: covered, entries, judged, counts, newestInstant, replays };
}

function verdictOf(
  findings: Findings,
  { complete }: Checked,
  { sample }: VerifyOptions,
): VerifyReport['verdict'] {
  if (findings.errors > 0) return 'failed';
  invariant(complete, 'A log was not read whole, and nothing was found.');
  return sample === undefined ? 'verified' : 'sampled';
}

function freshnessOf(
  policy: Policy,
  { cosigners }: CheckedHead,
  { newestInstant }: Checked,
): Freshness | undefined {
  const witnessed = witnessedAt(policy, cosigners);
  if (witnessed !== undefined) return { by: 'witness', unixSeconds: witnessed };
  const told = newestInstant === undefined ? undefined : parseInstant(newestInstant);
  if (told === undefined) return undefined;
  return { by: 'entry', unixSeconds: Math.floor(Date.parse(told) / 1_000) };
}

function checkAge(
  freshness: Freshness | undefined,
  { now, maxAgeSeconds }: VerifyOptions,
  report: ReportFinding,
): void {
  if (maxAgeSeconds === undefined) return;
  if (freshness === undefined) {
    report('E_STALE', 'Nothing that was read tells how old the checkpoint is.');
    return;
  }
  const age = now - freshness.unixSeconds;
  if (age < -AHEAD_SECONDS_MAX) {
    report('E_STALE', 'The age of the log cannot be known: its times lie ahead of this clock.');
  } else if (age > maxAgeSeconds) {
    report(
      'E_STALE',
      `The log was last heard of ${age} seconds ago; at most ${maxAgeSeconds} were asked for.`,
    );
  }
}
