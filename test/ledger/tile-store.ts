/** The tiles of a tree as a publisher has them, and what was read of them. */
import { EMPTY_TREE, grow } from '../../ledger/open-tree.ts';
import type { ReadTile } from '../../ledger/proofs.ts';
import { hashesAt } from '../../ledger/tiles.ts';

export interface TileStore {
  readonly readTile: ReadTile;
  /** `level/index/width` of every tile that was read, in order. */
  readonly reads: string[];
}

/** Answers also for the smaller trees that this one was, as `ReadTile` says. */
export function tileStore(leaves: readonly Buffer[]): TileStore {
  const { tree, full } = grow(EMPTY_TREE, Buffer.concat(leaves));
  const tiles = new Map(full.map(({ level, index, hashes }) => [`${level}/${index}`, hashes]));
  for (const [level, hashes] of tree.open.entries()) {
    tiles.set(`${level}/${hashesAt(level + 1, tree.size)}`, hashes);
  }
  const reads: string[] = [];
  const readTile: ReadTile = (level, index, width) => {
    reads.push(`${level}/${index}/${width}`);
    const tile = tiles.get(`${level}/${index}`) ?? Buffer.alloc(0);
    return Promise.resolve(tile.subarray(0, width * 32));
  };
  return { readTile, reads };
}
