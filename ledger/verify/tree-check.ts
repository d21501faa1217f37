/** Recomputes the tree from leaf hashes and compares it with what is published and signed. */
import { HASH_BYTES } from '../hashing.ts';
import { EMPTY_TREE, grow, type OpenTree, rootOf } from '../open-tree.ts';
import { hashesAt, TILE_WIDTH, type Tile } from '../tiles.ts';
import type { ReportFinding } from './findings.ts';
import { type LogSource, readTile } from './log-source.ts';

/** A head that the tree must have passed through. */
export interface EarlierHead {
  /** What it is called in a finding, such as `the kept checkpoint`. */
  readonly label: string;
  /** 1 or more, and below that of the tree. */
  readonly size: number;
  readonly root: Buffer;
}

export interface TreeCheck {
  readonly size: number;
  /** Appends the leaf hashes of the next bundle. Reports tiles that are missing or cut. */
  append(leaves: Buffer): Promise<void>;
  /** The root of the tree with the first `count` of these leaves appended; changes nothing. */
  rootWith(leaves: Buffer, count: number): Buffer;
  /**
   * Compares the tree with the signed root and the earlier heads; true when they are the same. `guessed`:
   * some leaf hashes came from tiles that do not fit their entries, so that a wrong root says no more.
   */
  finish(guessed: boolean): Promise<boolean>;
}

interface TreeCheckInput {
  readonly source: LogSource;
  readonly head: { readonly size: number; readonly root: Buffer };
  readonly earlier: readonly EarlierHead[];
  readonly report: ReportFinding;
}

/** More of them say no more, and a forged log must not fill the memory. */
const DIFFERENCES_MAX = 16;

export function treeCheck({ source, head, earlier, report }: TreeCheckInput): TreeCheck {
  let tree: OpenTree = EMPTY_TREE;
  /** First leaf below an upper tile's first hash that is another one than computed. */
  const differences: { path: string; leaf: number }[] = [];
  const forks: EarlierHead[] = [];

  async function compareTile(tile: Tile, computed: Buffer): Promise<void> {
    const served = await readTile(source, tile);
    const path = `tile ${tile.index} of level ${tile.level}`;
    const span = TILE_WIDTH ** tile.level;
    if ('lacks' in served) {
      report(served.lacks, served.message, { index: tile.index * TILE_WIDTH * span });
      return;
    }
    if (served.bytes.equals(computed) || differences.length >= DIFFERENCES_MAX) return;
    const hash = firstDifference(served.bytes, computed);
    differences.push({ path, leaf: (tile.index * TILE_WIDTH + hash) * span });
  }

  function rootWith(leaves: Buffer, count: number): Buffer {
    return rootOf(grow(tree, leaves.subarray(0, count * HASH_BYTES)).tree);
  }

  return {
    get size() {
      return tree.size;
    },
    rootWith,
    async append(leaves) {
      const size = tree.size + leaves.length / HASH_BYTES;
      for (const head of earlier) {
        if (head.size <= tree.size || head.size > size) continue;
        if (!rootWith(leaves, head.size - tree.size).equals(head.root)) forks.push(head);
      }
      const grown = grow(tree, leaves);
      tree = grown.tree;
      for (const { level, index, hashes } of grown.full) {
        if (level > 0) await compareTile({ level, index, width: TILE_WIDTH }, hashes);
      }
    },
    async finish(guessed) {
      for (const [level, hashes] of tree.open.entries()) {
        const width = hashes.length / HASH_BYTES;
        if (level === 0 || width === 0) continue;
        const index = Math.floor(hashesAt(level, tree.size) / TILE_WIDTH);
        await compareTile({ level, index, width }, hashes);
      }
      if (!rootOf(tree).equals(head.root)) {
        if (!guessed) report('E_ROOT', rootMessage(tree.size), firstWrong(differences));
        return false;
      }
      for (const { path, leaf } of differences) {
        report('E_TILE', `The ${path} does not have the hashes of the entries.`, { index: leaf });
      }
      for (const { label, size } of forks) {
        report('E_FORK', `The first ${size} entries are not those of ${label}.`, { index: size });
      }
      return true;
    },
  };
}

function rootMessage(size: number): string {
  return `The ${size} entries do not have the root that was signed: at least one is not what it was.`;
}

function firstWrong(differences: readonly { leaf: number }[]): { index?: number } {
  if (differences.length === 0) return {};
  return { index: Math.min(...differences.map(({ leaf }) => leaf)) };
}

/** Of two buffers of one length that are not equal: which hash of 32 bytes is the first to differ. */
export function firstDifference(a: Buffer, b: Buffer): number {
  return Math.floor(a.findIndex((byte, i) => byte !== b[i]) / HASH_BYTES);
}
