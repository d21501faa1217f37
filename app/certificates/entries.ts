/** Entries of the ledger that a certificate rests on, found by what they are about. */
import type { LedgerDb } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import { decodeEntry, type SignedKind } from '../../ledger/entry.ts';
import {
  readStatement,
  type Statement,
  type StatementOf,
  signerName,
} from '../../ledger/statements.ts';

/** A signed entry and where it stands. */
export interface PlacedEntry<S extends Statement = Statement> {
  readonly index: number;
  readonly bytes: Buffer;
  readonly statement: S;
}

type RunKind = 'plan' | 'approval' | 'run.open' | 'run.close';

/** What its store told of a run, as far as it is in the ledger; the first of each kind. */
export type EntriesOfRun = {
  readonly [K in RunKind]?: PlacedEntry<StatementOf<K>>;
};

/** `CERTIFICATE_PENDING`: asking again later may succeed. */
export function pending(what: string): RetentionError {
  return new RetentionError(
    'CERTIFICATE_PENDING',
    `${what} Ask again in a minute; if it stays so, see that a worker runs.`,
  );
}

/** From the ledger alone: a store that was restored may have forgotten the run. */
export async function entriesOfRun(
  ledger: Pick<LedgerDb, 'statementsOfRun'>,
  store: string,
  run: string,
): Promise<EntriesOfRun> {
  const entries: Partial<Record<SignedKind, PlacedEntry>> = {};
  for (const { firstIndex, entry, source } of await ledger.statementsOfRun(run)) {
    if (entry === null || source !== `store:${store}`) continue;
    const one = placed(firstIndex, entry);
    entries[one.statement.kind] ??= one;
  }
  // Each stands under the kind of its own statement.
  return entries as EntriesOfRun;
}

/** The entry of that kind, or `CERTIFICATE_PENDING`. */
export function requireEntry<K extends RunKind>(
  entries: EntriesOfRun,
  kind: K,
): NonNullable<EntriesOfRun[K]> {
  const entry = entries[kind];
  if (entry) return entry;
  throw pending(`The entry ${kind} of the run is not in the ledger yet.`);
}

/** Every statement about keys, the genesis first. */
export async function keyStatements(ledger: Pick<LedgerDb, 'statements'>): Promise<PlacedEntry[]> {
  const ranges = await ledger.statements(['genesis', 'key']);
  return ranges.flatMap(({ firstIndex, entry }) =>
    entry === null ? [] : [placed(firstIndex, entry)],
  );
}

/**
 * Of the statements about keys the genesis and those about one of the keys `names`, and about the admin keys
 * that made these statements, in the order of the log. Throws `CERTIFICATE_PENDING` when the ledger does not
 * know one of them yet: a new key signs from the moment its file is there.
 */
export function entriesOfKeys(
  statements: readonly PlacedEntry[],
  names: readonly string[],
): PlacedEntry[] {
  const wanted = new Set(names);
  const known = new Set<string>();
  const found: PlacedEntry[] = [];
  // From the newest: who signed a statement was named before it.
  for (const one of statements.toReversed()) {
    const { statement } = one;
    if (statement.kind === 'key' && !wanted.has(statement.name)) continue;
    wanted.add(signerName(statement));
    for (const name of namedIn(statement)) known.add(name);
    found.unshift(one);
  }
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined) throw pending(`The key ${unknown} is not in the ledger yet.`);
  return found;
}

/**
 * What `entriesOfKeys` answers of the statements before the entry `size`, and besides everything said there of
 * log keys: whoever has the head of that size sees that its log key was valid.
 */
export function keysBefore(
  size: number,
  statements: readonly PlacedEntry[],
  names: readonly string[],
): PlacedEntry[] {
  const before = statements.filter(({ index }) => index < size);
  const logKeys = before.flatMap(({ statement }) =>
    statement.kind === 'key' && statement.role === 'log' ? [statement.name] : [],
  );
  return entriesOfKeys(before, [...names, ...logKeys]);
}

function namedIn(statement: Statement): string[] {
  if (statement.kind === 'genesis') return statement.keys.map(({ name }) => name);
  return statement.kind === 'key' ? [statement.name] : [];
}

export function placed(index: number, bytes: Buffer): PlacedEntry {
  const entry = decodeEntry(bytes);
  if (entry.kind === 'record') throw new RetentionError('LEDGER_MALFORMED', 'A statement is none.');
  return { index, bytes, statement: readStatement(entry) };
}

/** What the header of a batch says. Throws `LEDGER_MALFORMED` for what is no header. */
export function batchOf(header: Buffer): StatementOf<'batch'> {
  const { statement } = placed(0, header);
  if (statement.kind === 'batch') return statement;
  throw new RetentionError('LEDGER_MALFORMED', 'The header of a batch is none.');
}
