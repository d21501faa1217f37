/** The growing end of a tree: what a log keeps to append entries and to know its root. */
import { invariant, RetentionError } from '../domain/errors.ts';
import { EMPTY_ROOT, HASH_BYTES } from './hashing.ts';
import { subtreeRoot } from './merkle.ts';
import { hashesAt, TILE_WIDTH } from './tiles.ts';

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;
const NONE = Buffer.alloc(0);

/** The tiles of a tree that are not full. */
export interface OpenTree {
  /** Leaves, below 2^53. */
  readonly size: number;
  /**
   * Per level, from 0, the packed hashes of its open tile: 0 to 255. As many levels as the tree has;
   * none for the empty tree.
   */
  readonly open: readonly Buffer[];
}

/** A tile that will never change: 256 hashes, 8,192 bytes. */
export interface FullTile {
  readonly level: number;
  readonly index: number;
  readonly hashes: Buffer;
}

export const EMPTY_TREE: OpenTree = { size: 0, open: [] };

/**
 * The tree with the leaves appended, and the tiles that this filled: by level from 0, then by index.
 * In how many calls a tree grew changes neither. Changes nothing that it was given, and the
 * answer shares no memory with it. Throws `LEDGER_MALFORMED` when the open tiles are not those of a
 * tree of that size, `INVARIANT_BROKEN` when a leaf hash is cut or the tree would reach 2^53 leaves.
 */
export function grow(
  tree: OpenTree,
  packedLeafHashes: Buffer,
): { tree: OpenTree; full: readonly FullTile[] } {
  checkOpenTiles(tree);
  const size = tree.size + packedLeafHashes.length / HASH_BYTES;
  invariant(Number.isSafeInteger(size), 'Leaf hashes have 32 bytes, and a tree below 2^53 leaves.');
  const open: Buffer[] = [];
  const full: FullTile[] = [];
  let arriving = packedLeafHashes;
  for (let level = 0; hashesAt(level, size) > 0; level += 1) {
    const hashes = Buffer.concat([tree.open[level] ?? NONE, arriving]);
    const filled = tilesIn(hashes, level, hashesAt(level + 1, tree.size));
    // A copy: a view would keep the memory of the whole batch.
    open.push(Buffer.from(hashes.subarray(filled.length * TILE_BYTES)));
    full.push(...filled);
    arriving = Buffer.concat(filled.map((tile) => subtreeRoot(tile.hashes)));
  }
  return { tree: { size, open }, full };
}

/** The root of the tree (RFC 6962, section 2.1). Throws `LEDGER_MALFORMED` as `grow` does. */
export function rootOf(tree: OpenTree): Buffer {
  checkOpenTiles(tree);
  if (tree.size === 0) return EMPTY_ROOT;
  // What the open tiles below add up to is the last, incomplete hash of the level above.
  return tree.open.reduce((below, hashes) => {
    const level = Buffer.concat([hashes, below]);
    return level.length === 0 ? NONE : subtreeRoot(level);
  }, NONE);
}

function tilesIn(hashes: Buffer, level: number, firstIndex: number): FullTile[] {
  return Array.from({ length: Math.floor(hashes.length / TILE_BYTES) }, (_, i) => ({
    level,
    index: firstIndex + i,
    hashes: hashes.subarray(i * TILE_BYTES, (i + 1) * TILE_BYTES),
  }));
}

function checkOpenTiles({ size, open }: OpenTree): void {
  const fits =
    Number.isSafeInteger(size) &&
    hashesAt(open.length, size) === 0 &&
    open.every((hashes, level) => {
      const count = hashesAt(level, size);
      return count > 0 && hashes.length === (count % TILE_WIDTH) * HASH_BYTES;
    });
  if (fits) return;
  throw new RetentionError(
    'LEDGER_MALFORMED',
    'The open tiles are not those of a tree of that size; keep the control database as it is and report it.',
    { size, levels: open.length },
  );
}
