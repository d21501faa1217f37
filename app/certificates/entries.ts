/** Entries of the ledger that a certificate rests on, found by what they are about. */
import type { LedgerDb } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import { decodeEntry, type SignedKind } from '../../ledger/entry.ts';
import { readStatement, type Statement, signerName } from '../../ledger/statements.ts';
import type { StoreConnection } from '../../stores/postgres/connection.ts';
import { asStore } from '../../stores/postgres/driver-error.ts';

/** A signed entry and where it stands. */
export interface PlacedEntry {
  readonly index: number;
  readonly bytes: Buffer;
  readonly statement: Statement;
}

type Ledger = Pick<LedgerDb, 'statements' | 'statementsOf'>;

/** `CERTIFICATE_PENDING`: asking again later may succeed. */
export function pending(what: string): RetentionError {
  return new RetentionError(
    'CERTIFICATE_PENDING',
    `${what} Ask again in a minute; if it stays so, see that a worker runs.`,
  );
}

/** What the store told of the run, by kind, as far as it is in the ledger. */
export async function entriesOfRun(
  ledger: Ledger,
  { sql, store }: StoreConnection,
  run: string,
): Promise<Map<SignedKind, PlacedEntry>> {
  const told = await asStore(
    store,
    () => sql<{ n: string; kind: SignedKind }[]>`
    select event_no as n, kind from retain_guard.event
     where kind in ('plan', 'approval', 'run.open', 'run.close') and body ->> 'run' = ${run}`,
  );
  const ranges = await ledger.statementsOf(
    `store:${store}`,
    told.map(({ n }) => Number(n)),
  );
  const entries = new Map<SignedKind, PlacedEntry>();
  for (const { n, kind } of told) {
    const range = ranges.get(Number(n));
    if (range?.entry) entries.set(kind, placed(range.firstIndex, range.entry));
  }
  return entries;
}

/** The entry of that kind, or `CERTIFICATE_PENDING`. */
export function requireEntry(
  entries: ReadonlyMap<SignedKind, PlacedEntry>,
  kind: SignedKind,
): PlacedEntry {
  const entry = entries.get(kind);
  if (entry !== undefined) return entry;
  throw pending(`The entry ${kind} of the run is not in the ledger yet.`);
}

/**
 * The genesis and every statement about one of the keys `names`, and about the admin keys that made these
 * statements, in the order of the log.
 */
export async function entriesOfKeys(
  ledger: Ledger,
  names: readonly string[],
): Promise<PlacedEntry[]> {
  const ranges = await ledger.statements(['genesis', 'key']);
  const wanted = new Set(names);
  const found: PlacedEntry[] = [];
  // From the newest: who signed a statement was named before it.
  for (const { firstIndex, entry } of ranges.toReversed()) {
    if (entry === null) continue;
    const one = placed(firstIndex, entry);
    const { statement } = one;
    if (statement.kind === 'key' && !wanted.has(statement.name)) continue;
    wanted.add(signerName(statement));
    found.unshift(one);
  }
  return found;
}

export function placed(index: number, bytes: Buffer): PlacedEntry {
  const entry = decodeEntry(bytes);
  if (entry.kind === 'record') throw new RetentionError('LEDGER_MALFORMED', 'A statement is none.');
  return { index, bytes, statement: readStatement(entry) };
}
