/** References as they come by: compared with the one before, and hashed together. */
import type { Hash } from 'node:crypto';
import { REFERENCE_BYTES } from '../sort-references.ts';
import { TILE_WIDTH } from '../tiles.ts';

export interface AscendingRefs {
  restart(): void;
  /** Copies a reference behind the others; false when it is not above the last. Room for a bundle. */
  append(bytes: Buffer, at: number): boolean;
  /** Hashes what was appended since, and forgets all but the last. */
  drainInto(hash: Hash): void;
}

/** Compares and gathers byte by byte: a view per record would cost more than its hash. */
export function ascendingRefs(): AscendingRefs {
  // The first place is that of the last reference before. None is all zeros: it is a SHA-256.
  const packed = Buffer.alloc((1 + TILE_WIDTH) * REFERENCE_BYTES);
  let end = REFERENCE_BYTES;
  return {
    restart() {
      packed.fill(0, 0, REFERENCE_BYTES);
      end = REFERENCE_BYTES;
    },
    append(bytes, at) {
      let order = 0;
      for (let i = 0; i < REFERENCE_BYTES; i += 1) {
        const byte = bytes[at + i] ?? 0;
        if (order === 0) order = byte - (packed[end - REFERENCE_BYTES + i] ?? 0);
        packed[end + i] = byte;
      }
      end += REFERENCE_BYTES;
      return order > 0;
    },
    drainInto(hash) {
      hash.update(packed.subarray(REFERENCE_BYTES, end));
      packed.copyWithin(0, end - REFERENCE_BYTES, end);
      end = REFERENCE_BYTES;
    },
  };
}
