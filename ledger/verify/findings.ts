/** What a verification can find: codes that never change their meaning, each with its exit code. */

/** How grave a finding is: an error says that the log is not as it must be, a warning asks for a look. */
export type Severity = 'error' | 'warning';

interface FindingKind {
  readonly exit: number;
  /** What is wrong when this is found; one clause. */
  readonly means: string;
}

/**
 * Every code. `exit` tells what kind of thing is wrong: 10 signature or policy, 11 quorum, 12 inclusion,
 * 13 rollback or fork, 14 missing data, 15 what entries say, 17 too old; 1 for warnings.
 */
export const FINDING_CODES = {
  // the checkpoint
  E_NOTE: {
    exit: 10,
    means: 'the checkpoint is none of this log, or the log key has not signed it',
  },
  E_SIG: { exit: 10, means: 'a signature of a known key under the checkpoint is bad' },
  E_OLDER: { exit: 10, means: 'an older checkpoint to compare with is none of this log' },
  E_WITNESS: { exit: 11, means: 'not enough witnesses of the policy have cosigned the checkpoint' },
  E_ROLLBACK: { exit: 13, means: 'the log is smaller than it was' },
  E_FORK: { exit: 13, means: 'the log does not begin as it did' },
  E_STALE: {
    exit: 17,
    means: 'the checkpoint is older than asked for, or its age cannot be known',
  },
  // the files
  E_MISSING: { exit: 14, means: 'a file of the log is not there' },
  E_UNREADABLE: { exit: 14, means: 'a file of the log could not be read' },
  E_FORMAT: { exit: 14, means: 'a file of the log is cut short, too long or none of its kind' },
  // the tree
  E_LEAF: { exit: 12, means: 'an entry and its leaf hash do not fit' },
  E_TILE: { exit: 12, means: 'a tile does not have the hashes of the entries' },
  E_ROOT: { exit: 12, means: 'the entries are not those that were signed' },
  E_INCLUSION: { exit: 12, means: 'an entry is not proved to be in the tree that was signed' },
  // the beginning, keys and chains
  E_ENTRY: { exit: 15, means: 'an entry is not in its format' },
  E_GENESIS: { exit: 15, means: 'the log does not begin with its one genesis' },
  E_ORIGIN: { exit: 15, means: 'the genesis names another log than the policy' },
  E_LOGKEY: { exit: 15, means: 'the log does not name the log key of the policy as valid' },
  E_KEY: { exit: 15, means: 'an entry is signed by a key that is not valid for it there' },
  E_STATEMENTSIG: { exit: 15, means: 'the signature of a statement is bad' },
  E_WORKERSIG: { exit: 15, means: 'the signature of a batch is bad' },
  E_SOURCE: { exit: 15, means: 'the statements of a source do not follow each other' },
  E_CLOCK: { exit: 1, means: 'the clock of a source went back between two statements' },
  // what may be destroyed
  E_RULE: { exit: 15, means: 'a schedule version does not follow the one before' },
  E_PLAN: { exit: 15, means: 'a plan rests on something that the log does not have before it' },
  E_APPROVAL: { exit: 15, means: 'a decision does not fit a plan before it' },
  E_FOUREYES: { exit: 15, means: 'who asked for a plan approved it' },
  E_HOLD: { exit: 15, means: 'holds do not follow each other' },
  E_EPOCH: {
    exit: 15,
    means:
      'an epoch key is used that is not open or of another class, opened twice, or destroyed under a legal hold',
  },
  // what was destroyed
  E_RUN: { exit: 15, means: 'a run began that no approval before it allowed' },
  E_RUNOPEN: { exit: 1, means: 'a run has begun and is not over' },
  E_RUNCHAIN: { exit: 15, means: 'a batch of a run is missing, doubled or out of order' },
  E_TOTALS: { exit: 15, means: 'a run closed with other totals than its batches have' },
  E_BATCH: { exit: 15, means: 'a batch is of no open run of its store' },
  E_SCOPE: { exit: 15, means: 'a batch is not what the approved plan allows' },
  E_TIME: { exit: 15, means: 'a batch lies outside the time of its run or plan' },
  E_HOLDCHECK: { exit: 15, means: 'a batch has not checked the holds it had to check' },
  E_SHORT: { exit: 15, means: 'a batch has fewer records than its header says' },
  E_RECORD: { exit: 15, means: 'a record is of no batch, or its batch is another one' },
  E_ORDER: { exit: 15, means: 'the records of a batch are out of order, or one is there twice' },
  E_ITEMS: { exit: 15, means: 'the records of a batch are not those that its header signed' },
  E_REPLAY: { exit: 15, means: 'a replay does not fit the log before it' },
} as const satisfies Record<string, FindingKind>;

export type FindingCode = keyof typeof FINDING_CODES;

/** Where in the log. */
export interface Place {
  /** Index of the entry, from 0. */
  readonly index?: number;
  readonly run?: string;
  readonly batch?: string;
}

export interface Finding extends Place {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** One sentence; it holds no value that nobody checked. */
  readonly message: string;
}

export type ReportFinding = (code: FindingCode, message: string, place?: Place) => void;

/** Everything found: the first ones in full, all of them as counts. */
export interface Findings {
  readonly report: ReportFinding;
  has(...codes: readonly FindingCode[]): boolean;
  /** In the order in which they were found, at most as many as are kept. */
  readonly kept: readonly Finding[];
  readonly errors: number;
  readonly warnings: number;
  /** That of the gravest kind: 0 when nothing was found. */
  exitCode(): number;
}

/** Which exit code stands for all when findings of several kinds are there. */
const GRAVEST_FIRST = [10, 11, 13, 12, 14, 15, 17, 1] as const;

/** A list that keeps `most` findings and counts all. `onFinding` sees those that are kept, at once. */
export function findingList(most: number, onFinding?: (finding: Finding) => void): Findings {
  const kept: Finding[] = [];
  const seen = new Map<FindingCode, number>();
  const total = (severity: Severity): number =>
    [...seen].reduce(
      (sum, [code, times]) => (severityOf(code) === severity ? sum + times : sum),
      0,
    );
  return {
    kept,
    report(code, message, place = {}) {
      seen.set(code, (seen.get(code) ?? 0) + 1);
      if (kept.length >= most) return;
      const finding = { code, severity: severityOf(code), message, ...place };
      kept.push(finding);
      onFinding?.(finding);
    },
    has: (...codes) => codes.some((code) => seen.has(code)),
    get errors() {
      return total('error');
    },
    get warnings() {
      return total('warning');
    },
    exitCode() {
      const exits = new Set<number>([...seen.keys()].map((code) => FINDING_CODES[code].exit));
      return GRAVEST_FIRST.find((exit) => exits.has(exit)) ?? 0;
    },
  };
}

function severityOf(code: FindingCode): Severity {
  return FINDING_CODES[code].exit === 1 ? 'warning' : 'error';
}
