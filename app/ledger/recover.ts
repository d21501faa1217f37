/**
 * The way out of LEDGER_BEHIND. A restored database has forgotten entries that were signed and published;
 * they come back from the published copy, the stores are told which numbers are taken, what was under way is
 * given up, and a statement of the admin key says so in the log. Records that the restore brought back are
 * due again: the next plan takes them.
 */
import type { LogHead } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import { instantFromMillis } from '../../domain/instant.ts';
import { signEntry } from '../../ledger/entry.ts';
import type { LogSource } from '../../ledger/verify/log-source.ts';
import type { KnownHold } from '../../stores/postgres/ledger-source.ts';
import type { Retain } from '../context.ts';
import { type LoggedStatements, loggedStatements } from './logged-statements.ts';
import { type OpenLedger, withLedger } from './open-ledger.ts';
import {
  type PublishedPart,
  publishedHead,
  publishedParts,
  publishedRoot,
} from './published-log.ts';
import { MOST_LEAVES_PER_COMMIT, type TreeBuilder, treeBuilder } from './tree-builder.ts';

export interface Recovered {
  /** Entries that came back. */
  readonly entries: number;
  readonly size: number;
  /** Batches whose bytes a store had lost; they are kept beside the tree now. */
  readonly kept: number;
  readonly runsAbandoned: readonly string[];
}

/** More than ever waits: each is a schedule that was installed or a key that changed. */
const MOST_OUTBOX_ROWS = 100_000;

/**
 * Throws `LEDGER_FORKED` when the copy is not the log that was signed last or the database has another
 * history, `HOLDS_LOST` naming the holds that the restore took away unless `lostHolds` names them all, so
 * that nobody overlooks one. Nothing is changed then. May be called again after any failure.
 */
export async function recoverLedger(
  retain: Retain,
  source: LogSource,
  lostHolds: readonly string[],
): Promise<Recovered> {
  return withLedger(retain, async (ledger) => {
    const signed = await requireSignedCopy(retain, source, ledger.head);
    const logged = loggedStatements();
    for await (const part of publishedParts(source, signed.size)) logged.hear(part);
    const stores = [...logged.sources.keys()].filter((name) => name !== 'control');
    const runsAbandoned = logged.openRuns();
    for (const name of stores) await requireHoldsNamed(ledger, name, logged, lostHolds);
    for (const name of stores) await fitStore(ledger, name, logged);
    const kept = await keepLostBatches(retain, ledger, source, signed.size);
    const size = await bringBack(retain, source, ledger.head, signed, runsAbandoned);
    return { entries: signed.size - ledger.head.size, size, kept, runsAbandoned };
  });
}

/** The copy must be exactly what was signed, and go on from what the database still has. */
async function requireSignedCopy(
  retain: Retain,
  source: LogSource,
  head: LogHead,
): Promise<{ size: number; root: Buffer }> {
  const signed = await retain.ledgerSigner.last();
  if (signed === undefined) {
    throw new RetentionError(
      'LEDGER_FORKED',
      'The signer has signed nothing: there is nothing to bring back.',
    );
  }
  if (head.size > signed.size) {
    throw new RetentionError(
      'LEDGER_FORKED',
      `The database has ${head.size} entries and only ${signed.size} were signed: it is not the database that was restored.`,
      { size: head.size, signed: signed.size },
    );
  }
  const copy = await publishedHead(source);
  if (copy.size < signed.size || copy.origin !== head.origin) {
    throw new RetentionError(
      'LEDGER_FORKED',
      `The copy has ${copy.size} entries of ${copy.origin}, and ${signed.size} of ${head.origin} were signed. Name another copy.`,
      { copy: copy.size, signed: signed.size },
    );
  }
  const [root, before] = await Promise.all([
    publishedRoot(source, signed.size),
    head.size === 0 ? head.root : publishedRoot(source, head.size),
  ]);
  if (!root.equals(signed.root) || !before.equals(head.root)) {
    throw new RetentionError(
      'LEDGER_FORKED',
      'The copy is not the log that was signed, or the database has another history. Keep both as they are and report it.',
    );
  }
  return signed;
}

async function requireHoldsNamed(
  ledger: OpenLedger,
  name: string,
  logged: LoggedStatements,
  lostHolds: readonly string[],
): Promise<void> {
  const known = await (await ledger.store(name)).holds();
  // A hold that was placed after the restore may have taken the number: only the instant is its own.
  const isKnown = ({ hold, version, effectiveAt }: KnownHold): boolean =>
    known.some(
      (one) => one.hold === hold && one.version === version && one.effectiveAt === effectiveAt,
    );
  const lost = logged
    .holdsInForce(name)
    .filter((hold) => !isKnown(hold))
    .map(({ hold }) => `H-${hold}`);
  const unnamed = lost.filter((hold) => !lostHolds.includes(hold));
  if (unnamed.length === 0) return;
  throw new RetentionError(
    'HOLDS_LOST',
    `The restore took away legal holds of ${name}: ${unnamed.join(', ')}. Have them placed again first, then name each with --lost-hold.`,
    { store: name, holds: unnamed.length },
  );
}

/** What store and log both know gets its place; what only the store knows is numbered after the log's. */
async function fitStore(ledger: OpenLedger, name: string, logged: LoggedStatements): Promise<void> {
  const store = await ledger.store(name);
  const byNumber = new Map(logged.events(name).map((event) => [event.n, event]));
  const known = (await store.waiting()).events.flatMap(({ n, kind, at }) => {
    const inLog = byNumber.get(n);
    return inLog?.kind === kind && inLog.at === at ? [{ n, index: inLog.index }] : [];
  });
  await store.resumeAfter({
    n: logged.sources.get(name)?.n ?? 0,
    // One that the log has closed may be open again as well.
    runs: logged.allRuns(),
    events: known,
    ...logged.lastHold(name),
  });
}

async function keepLostBatches(
  retain: Retain,
  ledger: OpenLedger,
  source: LogSource,
  size: number,
): Promise<number> {
  let kept = 0;
  for await (const { entry, statement, refs } of publishedParts(source, size)) {
    if (statement.kind !== 'batch') continue;
    const there = await ledger.readSealed(`store:${statement.store}`, statement.batch);
    if (there?.header.equals(entry.bytes) === true && there.refs.equals(refs)) continue;
    await retain.control.ledger.keep(statement.batch, entry.bytes, refs);
    kept += 1;
  }
  return kept;
}

/** Appends what the database has forgotten, and in the last commit the statement that it was brought back. */
async function bringBack(
  retain: Retain,
  source: LogSource,
  head: LogHead,
  signed: { readonly size: number; readonly root: Buffer },
  runsAbandoned: readonly string[],
): Promise<number> {
  const { ledger } = retain.control;
  const outbox = await ledger.pending(MOST_OUTBOX_ROWS);
  const ends = loggedStatements();
  let at = head;
  let builder = treeBuilder(at);
  let placed: { no: number; firstIndex: number }[] = [];
  const commit = async (): Promise<void> => {
    const extension = builder.extension({
      outbox: placed,
      sources: [...ends.sources.values()],
      lanes: [...ends.lanes.values()],
    });
    if (extension.ranges.length === 0) return;
    if (!(await ledger.extend(extension))) {
      throw new RetentionError(
        'STORE_BUSY',
        'Somebody else extends the ledger at this moment. Try again.',
      );
    }
    at = { ...at, ...extension.after };
    builder = treeBuilder(at);
    placed = [];
  };
  for await (const part of publishedParts(source, signed.size)) {
    if (part.firstIndex < head.size) {
      ends.hear(part);
      continue;
    }
    // Before and not after: the last commit has the statement below, so no sequencer comes in between.
    if (builder.size - at.size >= MOST_LEAVES_PER_COMMIT) await commit();
    ends.hear(part);
    append(builder, part);
    const row = outbox.find(
      ({ entry, at: told }) => entry?.equals(part.entry.bytes) ?? isTold(part, told),
    );
    if (row !== undefined) placed.push({ no: row.no, firstIndex: part.firstIndex });
  }
  const admin = await retain.ledgerKeys.admin();
  const entry = signEntry(
    'replay',
    {
      v: 1,
      kind: 'replay',
      size_before: head.size,
      size_after: signed.size,
      root_after: signed.root.toString('hex'),
      sources: Object.fromEntries([...ends.sources].map(([name, { n }]) => [name, n])),
      runs_abandoned: [...runsAbandoned],
      at: instantFromMillis(Date.now()),
      signed_by: admin.name,
    },
    admin,
  );
  builder.statement({ source: 'control', kind: 'replay', n: null, entry });
  await commit();
  return at.size;
}

/** A statement of the control database and the row it came from have the same microsecond. */
function isTold({ statement }: PublishedPart, told: string): boolean {
  return 'source' in statement && statement.source === 'control' && statement.at === told;
}

function append(builder: TreeBuilder, part: PublishedPart): void {
  const { entry, statement, refs } = part;
  if (statement.kind === 'batch') {
    const source = `store:${statement.store}`;
    builder.batch({ source, batch: statement.batch, header: entry.bytes, refs });
    return;
  }
  const told = 'source' in statement ? statement : undefined;
  builder.statement({
    source: told?.source ?? 'control',
    kind: statement.kind,
    n: told?.n ?? null,
    entry: entry.bytes,
  });
}
