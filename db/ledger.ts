/** The ledger's tables in the control database, as the questions that are asked of them. */

/** Translates what the database refuses. */
export type Ask = <T>(work: () => Promise<T>) => Promise<T>;

export interface LogHead {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
  /** The open tiles, level 0 first, without gaps. */
  readonly open: Buffer;
}

/** Where a run of entries came from. */
export interface LogRange {
  readonly firstIndex: number;
  readonly leaves: number;
  readonly source: string;
  readonly kind: string;
  readonly n: number | null;
  readonly batchId: string | null;
  readonly entry: Buffer | null;
}

export interface OutboxRow {
  readonly no: number;
  readonly kind: string;
  readonly body: Readonly<Record<string, unknown>> | null;
  readonly names: Readonly<Record<string, string>>;
  /** RFC 3339 UTC with microseconds. */
  readonly at: string;
  readonly entry: Buffer | null;
}

export interface LaneEnd {
  readonly source: string;
  readonly runId: string;
  readonly step: number;
  readonly lane: number;
  readonly seq: number;
  readonly headerSha256: Buffer;
}

export interface SourceEnd {
  readonly source: string;
  readonly n: number;
  readonly entrySha256: Buffer;
}

/** One extension of the tree: everything of it is committed, or nothing. */
export interface Extension {
  readonly before: Pick<LogHead, 'size' | 'root'>;
  readonly after: Pick<LogHead, 'size' | 'root' | 'open'>;
  readonly ranges: readonly LogRange[];
  readonly tiles: readonly { level: number; tileIndex: number; hashes: Buffer }[];
  readonly sources: readonly SourceEnd[];
  readonly lanes: readonly LaneEnd[];
  readonly outbox: readonly { no: number; firstIndex: number }[];
}

export interface StoredCheckpoint {
  readonly size: number;
  readonly note: string;
  /** RFC 3339 UTC with microseconds. */
  readonly signedAt: string;
}

export interface StoredTimestamp {
  readonly size: number;
  readonly note: string;
  readonly response: Buffer;
  /** RFC 3339 UTC with microseconds, by our own clock. */
  readonly at: string;
}

export interface LedgerDb {
  /** Undefined before `begin`. */
  head(): Promise<LogHead | undefined>;
  /** The first entry, whether it has its place in the tree yet or not. */
  genesis(): Promise<Buffer | undefined>;
  /** Begins the log with its signed genesis. Refused (`LEDGER_EXISTS`) when there is one. */
  begin(head: LogHead, genesis: Buffer): Promise<void>;
  /**
   * Adds a `key` statement that the admin key signed. False, and nothing is added, when one that says the same
   * of this key is there already, appended or not: of several at once one is added.
   */
  addKey(key: { readonly name: string; readonly state: string }, entry: Buffer): Promise<boolean>;
  /** Outbox rows without an index: the genesis, what the admin key signed, then the others; each oldest first. */
  pending(limit: number): Promise<OutboxRow[]>;
  sourceEnd(source: string): Promise<SourceEnd | undefined>;
  laneEnds(source: string, runIds: readonly string[]): Promise<LaneEnd[]>;
  /** Which of these batches are in the log already, with their first index. */
  indexesOf(batchIds: readonly string[]): Promise<Map<string, number>>;
  /** Which of these statements of a source are in the log already. */
  statementsOf(source: string, ns: readonly number[]): Promise<Map<number, LogRange>>;
  /** False when somebody else extended the log meanwhile; nothing has changed then. */
  extend(extension: Extension): Promise<boolean>;
  /** The ranges that hold entries `from` (inclusive) to `to` (exclusive), in order. */
  ranges(from: number, to: number): Promise<LogRange[]>;
  /** All statements of these kinds, in order. */
  statements(kinds: readonly string[]): Promise<LogRange[]>;
  /** Plan, approval, beginning and end of a run, in order. */
  statementsOfRun(run: string): Promise<LogRange[]>;
  tile(level: number, tileIndex: number): Promise<Buffer | undefined>;
  /** Keeps the bytes of a batch that its store has lost, in the place of others. */
  keep(batchId: string, header: Buffer, refs: Buffer): Promise<void>;
  kept(batchId: string): Promise<{ readonly header: Buffer; readonly refs: Buffer } | undefined>;
  /** Headers of the kept batches of this record class or of this run. */
  keptHeaders(of: 'class' | 'run', name: string): Promise<Buffer[]>;
  /** Whether the kept batch has this 32-byte reference. */
  keptHas(batchId: string, ref: Buffer): Promise<boolean>;
  addCheckpoint(size: number, note: string): Promise<void>;
  addTimestamp(size: number, note: string, response: Buffer): Promise<void>;
  /** The newest timestamp of a head of at least `size` entries; undefined when there is none. */
  timestamped(size?: number): Promise<StoredTimestamp | undefined>;
  /** Whether a run was closed by an entry at or after this index. */
  closedSince(index: number): Promise<boolean>;
  /** The newest checkpoint, at most of this size when one is given. */
  checkpoint(atMost?: number): Promise<StoredCheckpoint | undefined>;
}
