/**
 * The sequencer: gives every statement and every sealed batch its place in the one tree. It recomputes
 * what the databases say before it appends, and what it appends is one commit. Two sequencers at once
 * do no harm: whoever computed on an older head loses its whole round.
 */
import type { LaneEnd, LedgerDb, LogHead, LogRange, OutboxRow } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import { decodeEntry } from '../../ledger/entry.ts';
import { inLogOrder } from '../../ledger/order.ts';
import type {
  GuardEvent,
  Integrated,
  StoreLedger,
  Waiting,
  WaitingBatch,
} from '../../stores/postgres/ledger-source.ts';
import type { LedgerKeys } from '../ledger-keys.ts';
import { type Chain, type ChainKeys, chainKeys, chainOf } from './chain.ts';
import { broken, checkSeal, laneOfRun, type SealContext } from './check-seal.ts';
import { keysIn, knownKeys } from './known-keys.ts';
import { MOST_LEAVES_PER_COMMIT, type TreeBuilder, treeBuilder } from './tree-builder.ts';

export interface SequenceDependencies {
  readonly ledger: LedgerDb;
  readonly keys: LedgerKeys;
}

export interface Sequenced {
  /** Entries appended. */
  readonly entries: number;
  /** False when more waits than was taken. */
  readonly drained: boolean;
}

export interface SequencedStore extends Sequenced {
  /**
   * What the store does not know yet of its places in the tree. It is told (`markIntegrated`) once a signed
   * head contains them, and not before: until then its guard takes them for unproven.
   */
  readonly places: Integrated;
}

export interface StoreTurn {
  /** Appends what the control database has to say. */
  readonly readControl: () => Promise<unknown>;
  /** Hears how long the oldest of what waits has waited, in seconds by the store's clock. */
  readonly onOldest: (seconds: number) => void;
}

const CONTROL = 'control';
const MOST_OUTBOX_ROWS = 500;

/** The head of the ledger; `LEDGER_MISSING` before `retain keys init`. */
export async function requireHead(ledger: Pick<LedgerDb, 'head'>): Promise<LogHead> {
  const head = await ledger.head();
  if (head === undefined) {
    throw new RetentionError(
      'LEDGER_MISSING',
      'There is no ledger yet. Run: retain keys init --origin NAME',
    );
  }
  return head;
}

/** Appends what the control database has to say. */
export async function sequenceControl(deps: SequenceDependencies): Promise<Sequenced> {
  // The head first: whatever another sequencer appends from here on makes this append fail, whole.
  const head = await requireHead(deps.ledger);
  const keys = await chainKeys(deps.keys);
  const rows = await deps.ledger.pending(MOST_OUTBOX_ROWS);
  if (rows.length === 0) return { entries: 0, drained: true };
  if (head.size > 0) rows.forEach(refuseSecondGenesis);
  const builder = treeBuilder(head);
  const chain = await chainOf(deps.ledger, keys, CONTROL);
  const known = await knownKeys(deps.ledger);
  const outbox: { no: number; firstIndex: number }[] = [];
  for (const row of rows) {
    const firstIndex = builder.statement(
      row.entry === null
        ? chain.next({ ...row, body: row.body ?? {} }, known)
        : { source: CONTROL, kind: row.kind, n: null, entry: row.entry },
    );
    // What follows is signed by keys that are valid from here.
    if (row.entry !== null)
      for (const key of keysIn(row.entry, firstIndex)) known.set(key.name, key);
    outbox.push({ no: row.no, firstIndex });
  }
  const extended = await deps.ledger.extend(
    builder.extension({ outbox, sources: chain.ends(), lanes: [] }),
  );
  return {
    entries: extended ? rows.length : 0,
    drained: extended && rows.length < MOST_OUTBOX_ROWS,
  };
}

/**
 * Appends what a store has to say: one snapshot of it, taken before the control database was read, so
 * that a schedule version precedes the plans made by it.
 */
export async function sequenceStore(
  deps: SequenceDependencies,
  store: StoreLedger,
  { readControl, onOldest }: StoreTurn,
): Promise<SequencedStore> {
  const before = await requireHead(deps.ledger);
  const keys = await chainKeys(deps.keys);
  const waiting = await store.waiting();
  onOldest(waiting.oldestSeconds);
  await readControl();
  const head = await requireHead(deps.ledger);
  try {
    return await appendWaiting(deps, keys, store, head, waiting);
  } catch (error) {
    if (!(error instanceof RetentionError) || error.kind !== 'integrity') throw error;
    // Somebody was quicker: what looks broken or forgotten was read on both sides of a commit. Look again.
    if ((await requireHead(deps.ledger)).size === before.size) throw error;
    return { entries: 0, drained: false, places: { batches: [], events: [] } };
  }
}

async function appendWaiting(
  deps: SequenceDependencies,
  keys: ChainKeys,
  store: StoreLedger,
  head: LogHead,
  waiting: Waiting,
): Promise<SequencedStore> {
  const source = `store:${store.store}`;
  const chain = await chainOf(deps.ledger, keys, source);
  if (waiting.newest < chain.n()) {
    throw restored(store.store, chain.n());
  }
  const { known, fresh } = await knownAndFresh(deps, store, source, waiting);
  if (fresh.events.length + fresh.batches.length === 0) {
    return { entries: 0, drained: true, places: known };
  }
  const work: StoreWork = {
    store,
    source,
    chain,
    builder: treeBuilder(head),
    lanes: await lanesOf(deps, source, fresh.batches),
    keys: await knownKeys(deps.ledger),
    events: [],
    batches: [],
  };
  const ordered = inLogOrder(fresh.events, fresh.batches);
  let taken = 0;
  for (const item of ordered) {
    if (work.builder.size - head.size >= MOST_LEAVES_PER_COMMIT) break;
    if ('statement' in item) appendEvent(work, item.statement);
    else await appendBatch(work, item.batch);
    taken += 1;
  }
  const extended = await deps.ledger.extend(
    work.builder.extension({ outbox: [], sources: chain.ends(), lanes: [...work.lanes.values()] }),
  );
  if (!extended) return { entries: 0, drained: false, places: known };
  return {
    entries: work.builder.size - head.size,
    drained: taken === ordered.length,
    places: {
      batches: [...known.batches, ...work.batches],
      events: [...known.events, ...work.events],
    },
  };
}

interface StoreWork extends SealContext {
  readonly store: StoreLedger;
  readonly chain: Chain;
  readonly builder: TreeBuilder;
  readonly lanes: Map<string, LaneEnd>;
  readonly events: { n: number; index: number }[];
  readonly batches: { batch: string; index: number }[];
}

function appendEvent(work: StoreWork, event: GuardEvent): void {
  const index = work.builder.statement(work.chain.next(event, work.keys));
  work.events.push({ n: event.n, index });
}

async function appendBatch(work: StoreWork, waiting: WaitingBatch): Promise<void> {
  const sealed = await work.store.sealed(waiting.batch);
  if (sealed === undefined) throw broken(waiting, 'its seal is gone');
  const end = checkSeal(work, waiting, sealed);
  work.lanes.set(laneOfRun(waiting), end);
  const { header, refs } = sealed;
  const index = work.builder.batch({ source: work.source, batch: waiting.batch, header, refs });
  work.batches.push({ batch: waiting.batch, index });
}

async function lanesOf(
  deps: SequenceDependencies,
  source: string,
  batches: readonly WaitingBatch[],
): Promise<Map<string, LaneEnd>> {
  const runs = [...new Set(batches.map(({ run }) => run))];
  const ends = await deps.ledger.laneEnds(source, runs);
  return new Map(ends.map((end) => [laneOfRun({ ...end, run: end.runId }), end]));
}

/**
 * What waits, in two: a turn that ended between appending and telling leaves the store unaware of what is in
 * the log. A statement under a number that the log knows as another one is of a restored store.
 */
async function knownAndFresh(
  { ledger }: SequenceDependencies,
  store: StoreLedger,
  source: string,
  { events, batches }: Waiting,
): Promise<{ known: Integrated; fresh: Pick<Waiting, 'events' | 'batches'> }> {
  const [indexes, logged] = await Promise.all([
    ledger.indexesOf(batches.map(({ batch }) => batch)),
    ledger.statementsOf(
      source,
      events.map(({ n }) => n),
    ),
  ]);
  const known = events.flatMap((event) => {
    const range = logged.get(event.n);
    if (range === undefined) return [];
    if (!isSame(event, range)) throw restored(store.store, event.n);
    return [{ n: event.n, index: range.firstIndex }];
  });
  return {
    known: { batches: [...indexes].map(([batch, index]) => ({ batch, index })), events: known },
    fresh: {
      events: events.filter(({ n }) => !logged.has(n)),
      batches: batches.filter(({ batch }) => !indexes.has(batch)),
    },
  };
}

/** By the microsecond at which it was told, which no other statement of the store has. */
function isSame(event: GuardEvent, { entry }: LogRange): boolean {
  const logged = entry === null ? undefined : decodeEntry(entry);
  return (
    logged !== undefined &&
    logged.kind !== 'record' &&
    logged.kind === event.kind &&
    logged.body['at'] === event.at
  );
}

function refuseSecondGenesis({ kind }: OutboxRow): void {
  if (kind !== 'genesis') return;
  throw new RetentionError(
    'LEDGER_BROKEN',
    'A genesis waits for a log that has one: the control database was put together from two. Run: retain log verify --database',
  );
}

function restored(store: string, n: number): RetentionError {
  return new RetentionError(
    'LEDGER_BEHIND',
    `Store ${store} does not know what it told the ledger: it was restored from a backup. Run: retain log recover`,
    { store, n },
  );
}
