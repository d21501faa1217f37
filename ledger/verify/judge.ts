/** Judges what the entries of a log say, in their order: whether each may stand where it stands. */
import { RetentionError } from '../../domain/errors.ts';
import { decodeEntry, entrySha256, type SignedEntry } from '../entry.ts';
import { readStatement, type Statement } from '../statements.ts';
import { isRecord } from './batch-records.ts';
import type { EntryOffsets } from './entry-offsets.ts';
import type { ReportFinding } from './findings.ts';
import { hear, type RootAt } from './hear.ts';
import { type LogState, logState } from './log-state.ts';
import { instantOf, isBefore, type SaidOf } from './said.ts';

export interface JudgeInput {
  readonly origin: string;
  /** Vkeys of the log that the policy trusts. */
  readonly logKeys: readonly string[];
  readonly report: ReportFinding;
}

export interface JudgedCounts {
  /** Signed entries that are no batch headers. */
  readonly statements: number;
  readonly batches: number;
  readonly records: number;
  readonly runs: { readonly opened: number; readonly closed: number; readonly abandoned: number };
}

export interface Judge {
  /** The entries of one bundle; `first` is the index of its first. */
  bundle(bytes: Buffer, offsets: EntryOffsets, first: number, rootAt: RootAt): void;
  /** The log ends here. */
  end(): void;
  readonly counts: JudgedCounts;
  /** Those that the admin key signed, in order. */
  readonly replays: readonly SaidOf<'replay'>[];
  /** Latest instant that a source signed, RFC 3339; undefined before the first. */
  readonly newestInstant: string | undefined;
}

export function judge(input: JudgeInput): Judge {
  const { report } = input;
  const state = logState(input.origin, report);
  const counted = { statements: 0, batches: 0 };
  let begun = false;
  let newestInstant: string | undefined;

  function signed(bytes: Buffer, index: number, rootAt: RootAt): void {
    state.records.end();
    const read = readSigned(bytes);
    if ('fault' in read) {
      report('E_ENTRY', `Entry ${index} is not in its format: ${read.fault}`, { index });
      return;
    }
    const { entry, statement } = read;
    if (statement.kind === 'genesis') {
      if (index > 0) {
        report('E_GENESIS', `The log has a genesis at ${index}, not at its beginning.`, { index });
        return;
      }
      begun = true;
    }
    counted[statement.kind === 'batch' ? 'batches' : 'statements'] += 1;
    const instant = instantOf(statement);
    if (newestInstant === undefined || isBefore(newestInstant, instant)) newestInstant = instant;
    const sha256 = entrySha256(bytes).toString('hex');
    const admitted = state.keys.admits(entry, statement, index);
    hear({ statement, index, sha256, signed: admitted }, state, rootAt);
  }

  return {
    get counts() {
      return { ...counted, records: state.records.records, runs: { ...state.runs.counts } };
    },
    get newestInstant() {
      return newestInstant;
    },
    replays: state.replays,
    bundle(bytes, offsets, first, rootAt) {
      const { count, starts, ends } = offsets;
      for (let at = 0; at < count; ) {
        const [start, end] = [starts[at] ?? 0, ends[at] ?? 0];
        if (isRecord(bytes, start, end)) {
          at = state.records.take(bytes, offsets, at, first);
        } else {
          signed(bytes.subarray(start, end), first + at, rootAt);
          at += 1;
        }
      }
    },
    end() {
      state.records.end();
      if (!begun) report('E_GENESIS', 'The log does not begin with a genesis.', { index: 0 });
      checkEnd(state, input);
    },
  };
}

function checkEnd({ runs, keys }: LogState, { logKeys, report }: JudgeInput): void {
  for (const { run, index } of runs.unfinished()) {
    report('E_RUNOPEN', 'A run has begun and is not over.', { index, run });
  }
  if (!logKeys.some((vkey) => keys.logKeys.has(vkey))) {
    report('E_LOGKEY', 'The log does not name the log key of the policy as valid.');
  }
}

type ReadEntry =
  | { readonly entry: SignedEntry; readonly statement: Statement }
  | { readonly fault: string };

function readSigned(bytes: Buffer): ReadEntry {
  try {
    const entry = decodeEntry(bytes);
    if (entry.kind === 'record') return { fault: 'it is a record.' };
    return { entry, statement: readStatement(entry) };
  } catch (error) {
    if (error instanceof RetentionError && error.code === 'LEDGER_MALFORMED') {
      return { fault: error.message };
    }
    throw error;
  }
}
