/** Entries of the log as a certificate carries them: with the proof that they are there. */

import type { TreeHead } from '../checkpoint.ts';
import { decodeEntry, type SignedEntry, type SignedKind } from '../entry.ts';
import { leafHash } from '../hashing.ts';
import { verifyInclusion } from '../merkle.ts';
import { readStatement, type Statement, type StatementOf } from '../statements.ts';
import { malformed, readBase64 } from '../text.ts';
import { parseTlogProof, type TlogProof } from '../tlog-proof.ts';
import type { EvidenceJson } from './format.ts';

export interface Evidence {
  /** The complete entry. */
  readonly bytes: Buffer;
  readonly proof: TlogProof;
}

/** A signed entry, its shape checked and its signature not. */
export interface Told<S extends Statement = Statement> {
  readonly entry: SignedEntry;
  readonly statement: S;
}

export type ToldOf<K extends SignedKind> = Told<StatementOf<K>>;
export type StatementEvidence<S extends Statement = Statement> = Evidence & Told<S>;

/** Throws `LEDGER_MALFORMED` for a proof that is none. */
export function evidenceOf({ entry, tlog_proof }: EvidenceJson): Evidence {
  return { bytes: base64Bytes(entry), proof: parseTlogProof(Buffer.from(tlog_proof, 'utf8')) };
}

/** Throws `LEDGER_MALFORMED` as `evidenceOf` and `told` do. */
export function statementEvidence(json: EvidenceJson): StatementEvidence {
  const evidence = evidenceOf(json);
  return { ...evidence, ...told(evidence.bytes) };
}

/** Throws `LEDGER_MALFORMED` for an entry that is none, is that of a record, or has another shape than its kind. */
export function told(bytes: Buffer): Told {
  const entry = decodeEntry(bytes);
  if (entry.kind === 'record')
    throw malformed('The entry of a record stands where a statement must');
  return { entry, statement: readStatement(entry) };
}

/** `of`, which must be of kind `K`: `LEDGER_MALFORMED` otherwise. */
export function ofKind<K extends SignedKind, T extends Told>(kind: K, of: T): T & ToldOf<K> {
  if (of.statement.kind !== kind) {
    throw malformed(`An entry of kind ${of.statement.kind} stands where one of kind ${kind} must`);
  }
  // The kind decides the type of the statement.
  return of as T & ToldOf<K>;
}

/** Whether the entry is in the tree of this head, at the index of its proof. */
export function isIncluded({ bytes, proof }: Evidence, { size, root }: TreeHead): boolean {
  const { index, hashes } = proof;
  return verifyInclusion({ leafHash: leafHash(bytes), index, size, proof: hashes, root });
}

/** The shape of the certificate has checked that this is base64. */
export function base64Bytes(text: string): Buffer {
  return readBase64(text) ?? Buffer.alloc(0);
}
