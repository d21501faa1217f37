/** Ascending order for packed references, and the proof that none occurs twice. */
import { invariant, RetentionError } from '../domain/errors.ts';

export const REFERENCE_BYTES = 32;
/** A double holds 53 bits: 32 of the reference and 21 of its position. */
const POSITIONS = 2 ** 21;

/**
 * A copy of the packed references in strictly ascending order. Throws `BATCH_MISMATCH` when two are
 * equal. Sorts the first four bytes as numbers, since typed arrays sort without a comparator, and
 * then puts the few references in order that agree in those.
 */
export function sortReferences(refs: Buffer): Buffer {
  const count = refs.length / REFERENCE_BYTES;
  invariant(count <= POSITIONS, 'Too many references for one batch.', { count });
  const keyed = new Float64Array(count);
  for (let i = 0; i < count; i += 1) {
    keyed[i] = refs.readUInt32BE(i * REFERENCE_BYTES) * POSITIONS + i;
  }
  keyed.sort();
  const positions = Uint32Array.from(keyed, (entry) => entry % POSITIONS);
  orderEqualStarts(refs, positions);
  const sorted = Buffer.allocUnsafe(refs.length);
  positions.forEach((position, i) => {
    const from = position * REFERENCE_BYTES;
    refs.copy(sorted, i * REFERENCE_BYTES, from, from + REFERENCE_BYTES);
  });
  return sorted;
}

/** Whether packed references of 32 bytes each are in strictly ascending order: none occurs twice. */
export function strictlyAscending(refs: Buffer): boolean {
  if (refs.length % REFERENCE_BYTES !== 0) return false;
  for (let at = REFERENCE_BYTES; at < refs.length; at += REFERENCE_BYTES) {
    const before = at - REFERENCE_BYTES;
    if (refs.compare(refs, at, at + REFERENCE_BYTES, before, at) >= 0) return false;
  }
  return true;
}

/** Insertion sort over positions that are in order by the first four bytes already. */
function orderEqualStarts(refs: Buffer, positions: Uint32Array): void {
  for (let i = 1; i < positions.length; i += 1) {
    for (let k = i; k > 0; k -= 1) {
      const [before, here] = [positions[k - 1] ?? 0, positions[k] ?? 0];
      const order = compareAt(refs, before, here);
      if (order === 0) {
        throw new RetentionError('BATCH_MISMATCH', 'A batch names the same record twice.');
      }
      if (order < 0) break;
      positions[k - 1] = here;
      positions[k] = before;
    }
  }
}

function compareAt(refs: Buffer, a: number, b: number): number {
  const [startA, startB] = [a * REFERENCE_BYTES, b * REFERENCE_BYTES];
  const difference = refs.readUInt32BE(startA) - refs.readUInt32BE(startB);
  if (difference !== 0) return difference;
  return refs.compare(refs, startB, startB + REFERENCE_BYTES, startA, startA + REFERENCE_BYTES);
}
