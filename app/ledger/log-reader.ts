/** Reads the ledger back out of the databases: entries in order, tiles, proofs of both. */
import type { LedgerDb, LogHead, LogRange } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import { entrySha256 } from '../../ledger/entry.ts';
import { HASH_BYTES, leafHash } from '../../ledger/hashing.ts';
import type { ReadTile } from '../../ledger/proofs.ts';
import { batchLeafHashes, recordEntry } from '../../ledger/record-entries.ts';
import { hashesAt, TILE_WIDTH } from '../../ledger/tiles.ts';
import type { SealedBytes } from '../../stores/postgres/ledger-source.ts';
import { openTree } from './tree-builder.ts';

export interface LogReader {
  /** Entries `from` (inclusive) to `to` (exclusive), in order; memory is that of one batch. */
  entries(from: number, to: number): AsyncGenerator<Buffer>;
  /** The packed hashes of a tile, 32 bytes each, for a tree of at least the size it needs. */
  tile: ReadTile;
}

/** Reads a sealed batch of a store by the source that the log names (`store:<id>`). */
export type ReadSealed = (source: string, batch: string) => Promise<SealedBytes | undefined>;

/**
 * The bytes of a batch as the log has them: what a store lost in a restore is kept beside the tree, and what
 * it sealed anew since has another header than the log.
 */
export function asLogged(ledger: Pick<LedgerDb, 'kept'>, readSealed: ReadSealed): ReadSealed {
  return async (source, batch) => (await ledger.kept(batch)) ?? readSealed(source, batch);
}

/**
 * A reader of the log up to `head`. Throws `LEDGER_BROKEN` when a store no longer has a batch
 * that the log counts.
 */
export function logReader(
  ledger: Pick<LedgerDb, 'ranges' | 'tile' | 'kept'>,
  head: LogHead,
  readSealed: ReadSealed,
): LogReader {
  const read = asLogged(ledger, readSealed);

  async function* entries(from: number, to: number): AsyncGenerator<Buffer> {
    for (const range of await ledger.ranges(from, to)) {
      const { header, refs } = await bytesOf(range, read);
      const first = Math.max(from - range.firstIndex, 0);
      const last = Math.min(to - range.firstIndex, range.leaves);
      const headerSha256 = entrySha256(header);
      for (let i = first; i < last; i += 1) {
        yield i === 0
          ? header
          : recordEntry(headerSha256, refs.subarray((i - 1) * HASH_BYTES, i * HASH_BYTES));
      }
    }
  }

  const tile: ReadTile = async (level, index, width) => {
    const open = headTile(head, { level, index, width });
    if (open !== undefined) return open;
    if (level === 0) return leafTile(index, width);
    const stored = await ledger.tile(level, index);
    if (stored === undefined) throw lost(`tile ${level}/${index}`);
    return stored.subarray(0, width * HASH_BYTES);
  };

  async function leafTile(index: number, width: number): Promise<Buffer> {
    const [from, to] = [index * TILE_WIDTH, index * TILE_WIDTH + width];
    const leaves = Buffer.alloc(width * HASH_BYTES);
    for (const range of await ledger.ranges(from, to)) {
      const { header, refs } = await bytesOf(range, read);
      const first = Math.max(from - range.firstIndex, 0);
      const last = Math.min(to - range.firstIndex, range.leaves);
      const hashes = leavesOf(range, header, refs, first, last);
      hashes.copy(leaves, (range.firstIndex + first - from) * HASH_BYTES);
    }
    return leaves;
  }

  return { entries, tile };
}

/** The last tile of each level lies in the head: nothing has to be recomputed for the newest tree. */
function headTile(
  head: LogHead,
  { level, index, width }: { level: number; index: number; width: number },
): Buffer | undefined {
  const hashes = hashesAt(level, head.size);
  if (index !== Math.floor(hashes / TILE_WIDTH) || width > hashes % TILE_WIDTH) return undefined;
  return openTree(head).open[level]?.subarray(0, width * HASH_BYTES);
}

function leavesOf(
  range: LogRange,
  header: Buffer,
  refs: Buffer,
  first: number,
  last: number,
): Buffer {
  if (range.batchId === null) return leafHash(header);
  // The header's own leaf comes with every call, and is left out where it is not asked for.
  const from = Math.max(first - 1, 0) * HASH_BYTES;
  const hashes = batchLeafHashes(header, refs.subarray(from, Math.max(last - 1, 0) * HASH_BYTES));
  return first === 0 ? hashes : hashes.subarray(HASH_BYTES);
}

async function bytesOf(range: LogRange, read: ReadSealed): Promise<SealedBytes> {
  if (range.entry !== null) return { header: range.entry, refs: Buffer.alloc(0) };
  const sealed = await read(range.source, range.batchId ?? '');
  if (sealed === undefined || sealed.refs.length !== (range.leaves - 1) * HASH_BYTES) {
    throw lost(`a batch of ${range.source} at index ${range.firstIndex}`);
  }
  return sealed;
}

function lost(what: string): RetentionError {
  return new RetentionError(
    'LEDGER_BROKEN',
    `The databases no longer have ${what} of the ledger. Run: retain log verify --database`,
  );
}
