/**
 * Proofs from tiles. Only tiles that a proof needs are read, each once; nodes within a tile are computed
 * from it. What was read is not checked against a root: whoever uses a proof verifies it.
 */
import { invariant, RetentionError } from '../domain/errors.ts';
import { HASH_BYTES } from './hashing.ts';
import { lastCompleteNode, siblingsAbove, subtreeRoot, type TreeNode } from './merkle.ts';
import { hashesAt, TILE_WIDTH } from './tiles.ts';

/**
 * Answers the `width · 32` bytes of a tile, where `width` is what the tile has in the tree at hand. A
 * reader that has the tile wider already answers its beginning.
 */
export type ReadTile = (level: number, index: number, width: number) => Promise<Buffer>;

/** A tile spans 8 levels of the binary tree. */
const TILE_HEIGHT = 8;
const NONE = Buffer.alloc(0);

/**
 * PATH(index, D[size]) (RFC 6962, section 2.1.1), from the leaf up. Throws `INVARIANT_BROKEN` when the
 * tree has no such leaf, `LEDGER_MALFORMED` for a tile of another width, and what `readTile` throws.
 */
export async function proveInclusion(
  readTile: ReadTile,
  index: number,
  size: number,
): Promise<Buffer[]> {
  checkLeaf(index, size);
  return await hashesOf(siblingsAbove({ height: 0, index }, size), readTile, size);
}

/**
 * PROOF(oldSize, D[newSize]) (RFC 6962, section 2.1.2), from the leaves up; empty for equal sizes. There
 * is none from the empty tree. Throws `INVARIANT_BROKEN` unless 0 < oldSize <= newSize < 2^53,
 * otherwise as `proveInclusion`.
 */
export async function proveConsistency(
  readTile: ReadTile,
  oldSize: number,
  newSize: number,
): Promise<Buffer[]> {
  // The tree of the old size is not empty and lies within the new one: its last leaf is a leaf of both.
  checkLeaf(oldSize - 1, newSize);
  if (oldSize === newSize) return [];
  const start = lastCompleteNode(oldSize);
  const siblings = siblingsAbove(start, newSize);
  // The hash of an old tree that is one complete subtree is the old root, which a verifier has.
  return await hashesOf(start.index === 0 ? siblings : [start, ...siblings], readTile, newSize);
}

/** The hash of one leaf. Throws as `proveInclusion` does. */
export async function leafHashAt(readTile: ReadTile, index: number, size: number): Promise<Buffer> {
  checkLeaf(index, size);
  return await nodeReader(readTile, size)({ height: 0, index });
}

async function hashesOf(
  nodes: readonly TreeNode[],
  readTile: ReadTile,
  size: number,
): Promise<Buffer[]> {
  const hashOf = nodeReader(readTile, size);
  return await Promise.all(nodes.map((node) => hashOf(node)));
}

/** Reads hashes of nodes of the tree of `size` leaves. */
function nodeReader(readTile: ReadTile, size: number): (node: TreeNode) => Promise<Buffer> {
  const tileOf = tilesOf(eachTileOnce(readTile), size);

  /** Hashes of a level, `from` up to `to`, all of one tile. */
  async function hashes(level: number, from: number, to: number): Promise<Buffer> {
    if (from >= to) return NONE;
    const index = Math.floor(from / TILE_WIDTH);
    const first = index * TILE_WIDTH;
    const tile = await tileOf(level, index);
    return tile.subarray((from - first) * HASH_BYTES, (to - first) * HASH_BYTES);
  }

  /** The hash of the leaves behind the last complete hash of a level; nothing when there are none. */
  async function remainder(level: number): Promise<Buffer> {
    if (level === 0) return NONE;
    const end = hashesAt(level - 1, size);
    const open = await hashes(level - 1, end - (end % TILE_WIDTH), end);
    const below = Buffer.concat([open, await remainder(level - 1)]);
    return below.length === 0 ? NONE : subtreeRoot(below);
  }

  return async ({ height, index }) => {
    const level = Math.floor(height / TILE_HEIGHT);
    const span = 2 ** (height % TILE_HEIGHT);
    const end = hashesAt(level, size);
    const [from, to] = [index * span, (index + 1) * span];
    const complete = await hashes(level, from, Math.min(to, end));
    return subtreeRoot(to <= end ? complete : Buffer.concat([complete, await remainder(level)]));
  };
}

/** Proofs of neighbours need the same tiles: each is read once. */
export function eachTileOnce(readTile: ReadTile): ReadTile {
  const tiles = new Map<string, Promise<Buffer>>();
  return (level, index, width) => {
    const name = `${level}/${index}/${width}`;
    const tile = tiles.get(name) ?? readTile(level, index, width);
    tiles.set(name, tile);
    return tile;
  };
}

/** The tiles of the tree of `size` leaves, as wide as they are in it. */
function tilesOf(
  readTile: ReadTile,
  size: number,
): (level: number, index: number) => Promise<Buffer> {
  return async (level, index) => {
    const width = Math.min(TILE_WIDTH, hashesAt(level, size) - index * TILE_WIDTH);
    const tile = await readTile(level, index, width);
    if (tile.length === width * HASH_BYTES) return tile;
    throw new RetentionError(
      'LEDGER_MALFORMED',
      'A tile has not the number of hashes that a tree of this size needs; fetch it again or report it.',
      { level, index, width, bytes: tile.length },
    );
  };
}

function checkLeaf(index: number, size: number): void {
  invariant(
    Number.isSafeInteger(size) && Number.isSafeInteger(index) && index >= 0 && index < size,
    'The tree has no such leaf.',
    { index, size },
  );
}
