/** Tiles that are what a signed root says: nothing that a database changed later is ever passed on. */
import { RetentionError } from '../../domain/errors.ts';
import type { TreeHead } from '../../ledger/checkpoint.ts';
import { HASH_BYTES } from '../../ledger/hashing.ts';
import { subtreeRoot } from '../../ledger/merkle.ts';
import { rootOf } from '../../ledger/open-tree.ts';
import type { ReadTile } from '../../ledger/proofs.ts';
import { hashesAt, TILE_WIDTH } from '../../ledger/tiles.ts';

/** The hashes of one tree, each connected with its root. Memory is that of one tile per level, twice. */
export interface CheckedTiles {
  /** A tile of level 1 or above, as wide as the tree has it. */
  tile(level: number, index: number): Promise<Buffer>;
  /** Throws `LEDGER_BROKEN` unless these are the hashes of the level 0 tile `index`, packed. */
  checkLeaves(index: number, leafHashes: Buffer): Promise<void>;
}

/**
 * Reads the tree of `head` through `readTile`. Throws `LEDGER_BROKEN`, here or later, for a hash that the
 * root does not contain, and what `readTile` throws.
 */
export async function checkedTiles(readTile: ReadTile, head: TreeHead): Promise<CheckedTiles> {
  const open = await openTiles(readTile, head.size);
  if (!rootOf({ size: head.size, open }).equals(head.root)) throw broken(head.size);
  const full = new Map<number, { readonly index: number; readonly hashes: Buffer }>();

  async function tile(level: number, index: number): Promise<Buffer> {
    const openTile = open[level];
    if (openTile !== undefined && index === fullTilesAt(level, head.size)) return openTile;
    const known = full.get(level);
    if (known?.index === index) return known.hashes;
    const hashes = await readTile(level, index, TILE_WIDTH);
    const parent = await hashAt(level + 1, index);
    if (hashes.length !== TILE_WIDTH * HASH_BYTES || !subtreeRoot(hashes).equals(parent)) {
      throw broken(head.size);
    }
    full.set(level, { index, hashes });
    return hashes;
  }

  async function hashAt(level: number, position: number): Promise<Buffer> {
    const hashes = await tile(level, Math.floor(position / TILE_WIDTH));
    const at = (position % TILE_WIDTH) * HASH_BYTES;
    return hashes.subarray(at, at + HASH_BYTES);
  }

  return {
    tile,
    checkLeaves: async (index, leafHashes) => {
      const same =
        index === fullTilesAt(0, head.size)
          ? open[0]?.equals(leafHashes)
          : subtreeRoot(leafHashes).equals(await hashAt(1, index));
      if (same !== true) throw broken(head.size);
    },
  };
}

function fullTilesAt(level: number, size: number): number {
  return Math.floor(hashesAt(level, size) / TILE_WIDTH);
}

/** The last tile of every level, empty where it is full. */
async function openTiles(readTile: ReadTile, size: number): Promise<Buffer[]> {
  const open: Buffer[] = [];
  for (let level = 0; hashesAt(level, size) > 0; level += 1) {
    const width = hashesAt(level, size) % TILE_WIDTH;
    const index = fullTilesAt(level, size);
    open.push(width === 0 ? Buffer.alloc(0) : await readTile(level, index, width));
  }
  return open;
}

function broken(size: number): RetentionError {
  return new RetentionError(
    'LEDGER_BROKEN',
    'The databases no longer have the tree that was signed; nothing of it is published. Keep everything as it is and run: retain log verify --database',
    { size },
  );
}
