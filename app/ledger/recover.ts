/**
 * The way out of LEDGER_BEHIND. A restored database has forgotten entries that were signed and published;
 * they come back from the published copy, the stores are told which numbers are taken, what was under way is
 * given up, and a statement of the admin key says so in the log. Records that the restore brought back are
 * due again: the next plan takes them.
 */
import type { LogHead } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import type { LogSource } from '../../ledger/verify/log-source.ts';
import type { KnownHold } from '../../stores/postgres/ledger-source.ts';
import type { Retain } from '../context.ts';
import { bringBack, type Loss } from './bring-back.ts';
import { revokedWorkers, toldKeys } from './known-keys.ts';
import { type LoggedStatements, loggedStatements } from './logged-statements.ts';
import { type LostTally, lostTally } from './lost-batches.ts';
import { type OpenLedger, withLedger } from './open-ledger.ts';
import { publishedHead, publishedParts, publishedRoot } from './published-log.ts';

export interface Recovered {
  /** Entries that came back. */
  readonly entries: number;
  readonly size: number;
  /** Batches whose bytes a store had lost; they are kept beside the tree now. */
  readonly kept: number;
  readonly runsAbandoned: readonly string[];
}

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
    const revoked = revokedWorkers(await toldKeys(retain.control.ledger));
    for (const name of stores) await fitStore(ledger, name, logged, revoked);
    const batches = await keepLostBatches(retain, ledger, source, signed.size);
    const lost: Record<string, Loss> = {};
    for (const name of stores) lost[name] = await lossOf(ledger, name, logged, batches);
    const size = await bringBack(retain, source, ledger.head, signed, { runsAbandoned, lost });
    const kept = Object.values(lost).reduce((sum, one) => sum + one.batches.count, 0);
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
async function fitStore(
  ledger: OpenLedger,
  name: string,
  logged: LoggedStatements,
  revoked: readonly string[],
): Promise<void> {
  const store = await ledger.store(name);
  // Either database may have forgotten them.
  for (const key of new Set([...logged.revokedWorkers(), ...revoked]))
    await store.revokeSigner(key);
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
): Promise<LostTally> {
  const lost = lostTally();
  const { ledger: tree } = retain.control;
  for await (const { entry, statement, refs } of publishedParts(source, size)) {
    if (statement.kind !== 'batch') continue;
    const { store, batch } = statement;
    const there = await ledger.readSealed(`store:${store}`, batch);
    const isThere = there?.header.equals(entry.bytes) === true && there.refs.equals(refs);
    // What is kept is read before the store: a batch that is kept counts as lost for ever.
    if (isThere && (await tree.kept(batch)) === undefined) continue;
    await tree.keep(batch, entry.bytes, refs);
    lost.add(`store:${store}`, batch);
  }
  return lost;
}

/** What a store that was fitted to the log lacks of it. Comparing excuses this, and nothing that goes later. */
async function lossOf(
  ledger: OpenLedger,
  name: string,
  logged: LoggedStatements,
  batches: LostTally,
): Promise<Loss> {
  const told = logged.sources.get(name)?.n ?? 0;
  const after = await (await ledger.store(name)).newestStatement(told);
  return { after, batches: batches.of(name) };
}
