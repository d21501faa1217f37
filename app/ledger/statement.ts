/** From what a source wrote down to a signed entry of the ledger. */
import type { SigningKey } from '../../ledger/ed25519.ts';
import { decodeEntry, type SignedKind, signEntry } from '../../ledger/entry.ts';
import { nameReference } from '../../ledger/names.ts';
import { readStatement } from '../../ledger/statements.ts';

/** A statement before it is signed: `names` are plain, by the field that will hold their reference. */
export interface UnsignedStatement {
  readonly kind: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly names: Readonly<Record<string, string>>;
  /** RFC 3339 UTC with microseconds, by the clock of the source. */
  readonly at: string;
}

/** Where the statement stands among those of its source. */
export interface Place {
  readonly source: string;
  /** Counts from 1. */
  readonly n: number;
  /** SHA-256 of the source's entry before, hex; 64 zeros before the first. */
  readonly prev: string;
}

/** The complete entry. Names leave here as references only. Throws `LEDGER_MALFORMED` for what is no statement. */
export function statementEntry(
  statement: UnsignedStatement,
  place: Place,
  keys: { readonly worker: SigningKey; readonly names: Buffer },
): Buffer {
  const references = Object.entries(statement.names).map(([field, name]): [string, string] => [
    field,
    nameReference(keys.names, name).ref.toString('hex'),
  ]);
  const body = {
    ...statement.body,
    ...Object.fromEntries(references),
    ...place,
    v: 1,
    kind: statement.kind,
    at: statement.at,
    signed_by: keys.worker.name,
  };
  const entry = signEntry(statement.kind as SignedKind, body, keys.worker);
  // What no verifier would accept must not enter a log that nothing can be taken out of.
  const decoded = decodeEntry(entry);
  if (decoded.kind !== 'record') readStatement(decoded);
  return entry;
}
