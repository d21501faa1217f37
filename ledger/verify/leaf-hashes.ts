/** Leaf hashes of whole bundles, without memory per entry. */
import { hash } from 'node:crypto';
import { HASH_BYTES, LEAF_PREFIX } from '../hashing.ts';
import type { EntryOffsets } from './entry-offsets.ts';

const RECORD_ENTRY_BYTES = 66;
// The leaf of a record: nothing secret passes through it, and nothing here waits.
const recordLeaf = Buffer.alloc(1 + RECORD_ENTRY_BYTES, LEAF_PREFIX);

/** The packed RFC 6962 leaf hashes of the entries of a bundle. */
export function leafHashes(bytes: Buffer, { count, starts, ends }: EntryOffsets): Buffer {
  const hashes = Buffer.allocUnsafe(count * HASH_BYTES);
  for (let i = 0; i < count; i += 1) {
    const [start, end] = [starts[i] ?? 0, ends[i] ?? 0];
    hashes.write(hash('sha256', leaf(bytes, start, end), 'binary'), i * HASH_BYTES, 'latin1');
  }
  return hashes;
}

function leaf(bytes: Buffer, start: number, end: number): Buffer {
  const length = end - start;
  const leafBytes =
    length === RECORD_ENTRY_BYTES ? recordLeaf : Buffer.alloc(1 + length, LEAF_PREFIX);
  // Copying by hand needs no view: for entries of records that is half the time of `copy`.
  if (length === RECORD_ENTRY_BYTES) {
    for (let i = 0; i < length; i += 1) leafBytes[1 + i] = bytes[start + i] ?? 0;
  } else {
    bytes.copy(leafBytes, 1, start, end);
  }
  return leafBytes;
}
