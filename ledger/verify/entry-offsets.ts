/** Where the entries of a bundle stand in its bytes: no memory per entry, however many there are. */
import { TILE_WIDTH } from '../tiles.ts';

const LENGTH_BYTES = 2;

export interface EntryOffsets {
  /** Entries found, 0 to 256. */
  count: number;
  readonly starts: Uint32Array;
  /** Exclusive. */
  readonly ends: Uint32Array;
}

/** Offsets to fill again and again. */
export function entryOffsets(): EntryOffsets {
  return { count: 0, starts: new Uint32Array(TILE_WIDTH), ends: new Uint32Array(TILE_WIDTH) };
}

/**
 * Finds the first `width` entries of a bundle (C2SP tlog-tiles: each a big-endian uint16 length and the
 * entry). Answers what is wrong, or undefined when there are so many and, unless it was `wider` from the
 * start, nothing behind them.
 */
export function findEntries(
  bytes: Buffer,
  width: number,
  offsets: EntryOffsets,
  wider: boolean,
): string | undefined {
  let at = 0;
  offsets.count = 0;
  while (offsets.count < width) {
    const start = at + LENGTH_BYTES;
    if (start > bytes.length) return at === bytes.length ? 'has too few entries' : 'is cut short';
    const end = start + (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
    if (end > bytes.length) return 'is cut short';
    offsets.starts[offsets.count] = start;
    offsets.ends[offsets.count] = end;
    offsets.count += 1;
    at = end;
  }
  return at === bytes.length || wider ? undefined : 'has more than its entries';
}
