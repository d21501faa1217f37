/** Everything that the entries read so far amount to. */
import { type BatchRecords, batchRecords } from './batch-records.ts';
import { type Epochs, epochs } from './epochs.ts';
import type { ReportFinding } from './findings.ts';
import { type Holds, holds } from './holds.ts';
import { type KeyRing, keyRing } from './key-ring.ts';
import { type Plans, plans } from './plans.ts';
import { type Runs, runs } from './runs.ts';
import type { SaidOf } from './said.ts';
import { type SourceChains, sourceChains } from './source-chains.ts';

export interface LogState {
  /** What the genesis must name. */
  readonly origin: string;
  readonly report: ReportFinding;
  readonly keys: KeyRing;
  readonly sources: SourceChains;
  readonly holds: Holds;
  readonly epochs: Epochs;
  readonly plans: Plans;
  readonly runs: Runs;
  readonly records: BatchRecords;
  /** Those that the admin key signed, in order. */
  readonly replays: SaidOf<'replay'>[];
  /** Ids of all batches. */
  readonly batches: Set<string>;
}

export function logState(origin: string, report: ReportFinding): LogState {
  const known = plans(report);
  return {
    ...{ origin, report, plans: known, runs: runs(known, report) },
    ...{ keys: keyRing(report), sources: sourceChains(report), replays: [], batches: new Set() },
    ...{ holds: holds(report), epochs: epochs(report), records: batchRecords(report) },
  };
}
