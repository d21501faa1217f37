/** A log in memory, written the plain way: every hash is computed from the leaves below it. */
import type { LogReader } from '../../app/ledger/log-reader.ts';
import { formatCheckpoint, type TreeHead } from '../../ledger/checkpoint.ts';
import { signingKey } from '../../ledger/ed25519.ts';
import { HASH_BYTES, leafHash } from '../../ledger/hashing.ts';
import { subtreeRoot } from '../../ledger/merkle.ts';
import { formatNote, signNote } from '../../ledger/note.ts';
import { NOTE_SIGNATURE, noteVerifier, type Verifier } from '../../ledger/note-key.ts';
import { proveConsistency } from '../../ledger/proofs.ts';
import { TILE_WIDTH } from '../../ledger/tiles.ts';

export const ORIGIN = 'retain.example.com/housing';
export const LOG_KEY = signingKey('log', Buffer.alloc(32, 0x01));
export const LOG_VERIFIER: Verifier = noteVerifier(
  ORIGIN,
  LOG_KEY.publicKey,
  NOTE_SIGNATURE.ed25519,
);

export interface MemoryLog {
  readonly reader: LogReader;
  readonly head: (size: number) => TreeHead;
  /** Signed by `LOG_KEY`. */
  readonly note: (size: number) => string;
  /** From the empty tree there is none. */
  readonly prove: (oldSize: number, newSize: number) => Promise<Buffer[]>;
}

/** A log of `size` entries. From entry `forkAt` on they are others than without it. */
export function memoryLog(size: number, forkAt = size, origin = ORIGIN): MemoryLog {
  const entry = (i: number) => Buffer.from(`entry ${i}${i < forkAt ? '' : ', forged'}`);
  const leaves = Buffer.concat(Array.from({ length: size }, (_, i) => leafHash(entry(i))));
  const hashes = (from: number, to: number) => leaves.subarray(from * HASH_BYTES, to * HASH_BYTES);
  const head = (at: number): TreeHead => ({ origin, size: at, root: subtreeRoot(hashes(0, at)) });

  const tile: LogReader['tile'] = (level, index, width) => {
    const span = TILE_WIDTH ** level;
    const nodes = Array.from({ length: width }, (_, i) => (index * TILE_WIDTH + i) * span);
    return Promise.resolve(
      Buffer.concat(nodes.map((first) => subtreeRoot(hashes(first, first + span)))),
    );
  };
  async function* entries(from: number, to: number): AsyncGenerator<Buffer> {
    for (let i = from; i < to; i += 1) yield await Promise.resolve(entry(i));
  }
  return {
    reader: { entries, tile },
    head,
    note: (at) => {
      const text = formatCheckpoint(head(at));
      return formatNote(text, [signNote(text, LOG_KEY, origin)]).toString('utf8');
    },
    prove: async (oldSize, newSize) =>
      oldSize === 0 ? [] : proveConsistency(tile, oldSize, newSize),
  };
}
