/** An extension of the tree in the making: entries in, one commit out. */
import type { Extension, LaneEnd, LogHead, LogRange, SourceEnd } from '../../db/ledger.ts';
import { HASH_BYTES, leafHash } from '../../ledger/hashing.ts';
import { grow, type OpenTree, rootOf } from '../../ledger/open-tree.ts';
import { batchLeafHashes } from '../../ledger/record-entries.ts';
import { TILE_WIDTH } from '../../ledger/tiles.ts';

/** A statement to append; `n` is its number in its source, null when the admin key signed it. */
export interface StatementToAppend {
  readonly source: string;
  readonly kind: string;
  readonly n: number | null;
  readonly entry: Buffer;
}

export interface BatchToAppend {
  readonly source: string;
  readonly batch: string;
  readonly header: Buffer;
  /** Packed, ascending. */
  readonly refs: Buffer;
}

export interface TreeBuilder {
  readonly size: number;
  /** Answer the index the entry (of a batch: its header) will have. */
  statement(statement: StatementToAppend): number;
  batch(batch: BatchToAppend): number;
  extension(
    ends: Pick<Extension, 'outbox'> & {
      readonly sources: readonly SourceEnd[];
      readonly lanes: readonly LaneEnd[];
    },
  ): Extension;
}

export function treeBuilder(head: LogHead): TreeBuilder {
  let tree = openTree(head);
  const ranges: LogRange[] = [];
  const tiles: { level: number; tileIndex: number; hashes: Buffer }[] = [];
  const append = (leaves: Buffer, range: Omit<LogRange, 'firstIndex' | 'leaves'>): number => {
    const firstIndex = tree.size;
    const grown = grow(tree, leaves);
    tree = grown.tree;
    for (const { level, index, hashes } of grown.full) {
      // Level 0 is in the entries: storing it would double the bytes per destroyed record.
      if (level > 0) tiles.push({ level, tileIndex: index, hashes });
    }
    ranges.push({ firstIndex, leaves: leaves.length / HASH_BYTES, ...range });
    return firstIndex;
  };
  return {
    get size() {
      return tree.size;
    },
    statement: ({ source, kind, n, entry }) =>
      append(leafHash(entry), { source, kind, n, batchId: null, entry }),
    batch: ({ source, batch, header, refs }) =>
      append(batchLeafHashes(header, refs), {
        source,
        kind: 'batch',
        n: null,
        batchId: batch,
        entry: null,
      }),
    extension: ({ outbox, sources, lanes }) => ({
      before: { size: head.size, root: head.root },
      after: { size: tree.size, root: rootOf(tree), open: Buffer.concat([...tree.open]) },
      ranges,
      tiles,
      sources,
      lanes,
      outbox,
    }),
  };
}

/** The open tiles lie one behind the other: how wide each is follows from the size. */
export function openTree({ size, open }: Pick<LogHead, 'size' | 'open'>): OpenTree {
  const levels: Buffer[] = [];
  let at = 0;
  for (let nodes = size; nodes > 0; nodes = Math.floor(nodes / TILE_WIDTH)) {
    const end = at + (nodes % TILE_WIDTH) * HASH_BYTES;
    levels.push(open.subarray(at, end));
    at = end;
  }
  return { size, open: levels };
}

/** Beyond this many entries a commit waits too long for its turn. */
export const MOST_LEAVES_PER_COMMIT = 256 * TILE_WIDTH;
