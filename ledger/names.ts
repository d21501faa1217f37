/** References to people and matters: their names never stand in the log. */
import { invariant } from '../domain/errors.ts';
import { encodeKey, reference } from './references.ts';

/**
 * The 32-byte reference of a name and the salt that opens it, made as those of records are, over the name
 * in NFKC and lower case. Equal names have equal references under one names key, so that a verifier sees
 * that requester and approver differ; without the key nobody can test a guess. Blanks count: callers trim.
 * Throws `KEY_INVALID` for a name that has no UTF-8.
 */
export function nameReference(namesKey: Buffer, name: string): { salt: Buffer; ref: Buffer } {
  invariant(namesKey.length === 32, 'The names key has 32 bytes.');
  invariant(name !== '', 'A name is not blank.');
  return reference(namesKey, encodeKey([name.normalize('NFKC').toLowerCase()]));
}
