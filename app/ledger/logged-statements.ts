/** What a log says in all, as far as a restored database must be fitted to it. */
import type { LaneEnd, SourceEnd } from '../../db/ledger.ts';
import { entrySha256 } from '../../ledger/entry.ts';
import type { KnownHold } from '../../stores/postgres/ledger-source.ts';
import { laneOfRun } from './check-seal.ts';
import type { PublishedPart } from './published-log.ts';

export interface LoggedEvent {
  readonly n: number;
  readonly kind: string;
  readonly at: string;
  readonly index: number;
}

export interface LoggedStatements {
  /** The last statement of every source, by its name. */
  readonly sources: ReadonlyMap<string, SourceEnd>;
  readonly lanes: ReadonlyMap<string, LaneEnd>;
  /** The statements of a source, in order. */
  events(source: string): readonly LoggedEvent[];
  /** Every run that opened. */
  allRuns(): string[];
  /** Runs that opened and neither closed nor were given up. */
  openRuns(): string[];
  /** The holds of a source that were placed and not released. */
  holdsInForce(source: string): KnownHold[];
  /** Names of the worker keys that were revoked. */
  revokedWorkers(): string[];
  /** The highest number and version of a hold of a source; 0 without any. */
  lastHold(source: string): { readonly hold: number; readonly holdVersion: number };
  /** Takes the next part in. */
  hear(part: PublishedPart): void;
}

export function loggedStatements(): LoggedStatements {
  const sources = new Map<string, SourceEnd>();
  const lanes = new Map<string, LaneEnd>();
  const told: (LoggedEvent & { readonly source: string })[] = [];
  const runs = new Set<string>();
  const opened = new Set<string>();
  const holds = new Map<string, Map<number, KnownHold>>();
  const last = new Map<string, { hold: number; holdVersion: number }>();
  const revoked = new Set<string>();
  return {
    sources,
    lanes,
    events: (source) => told.filter((event) => event.source === source),
    allRuns: () => [...opened],
    openRuns: () => [...runs],
    holdsInForce: (source) => [...(holds.get(source)?.values() ?? [])],
    revokedWorkers: () => [...revoked],
    lastHold: (source) => last.get(source) ?? { hold: 0, holdVersion: 0 },
    hear({ firstIndex, entry, statement }) {
      if (statement.kind === 'batch') {
        const { store, run, step, lane, seq } = statement;
        const headerSha256 = entrySha256(entry.bytes);
        const end = { source: `store:${store}`, runId: run, step, lane, seq, headerSha256 };
        lanes.set(laneOfRun(statement), end);
        return;
      }
      if (
        statement.kind === 'key' &&
        statement.role === 'worker' &&
        statement.state === 'revoked'
      ) {
        revoked.add(statement.name);
      }
      if (statement.kind === 'replay') for (const run of statement.runs_abandoned) runs.delete(run);
      if (!('source' in statement)) return;
      const { source, n, kind, at } = statement;
      sources.set(source, { source, n, entrySha256: entrySha256(entry.bytes) });
      told.push({ source, n, kind, at, index: firstIndex });
      if (statement.kind === 'run.open') {
        runs.add(statement.run);
        opened.add(statement.run);
      }
      if (statement.kind === 'run.close') runs.delete(statement.run);
      const inForce = holds.get(source) ?? new Map<number, KnownHold>();
      holds.set(source, inForce);
      if (statement.kind === 'hold.place') {
        const { hold, version, effective_at: effectiveAt } = statement;
        inForce.set(hold, { hold, version, effectiveAt });
      }
      if (statement.kind === 'hold.release') inForce.delete(statement.hold);
      if (statement.kind === 'hold.place' || statement.kind === 'hold.release') {
        const before = last.get(source)?.hold ?? 0;
        const holdVersion = Number(statement.version);
        last.set(source, { hold: Math.max(before, statement.hold), holdVersion });
      }
    },
  };
}
