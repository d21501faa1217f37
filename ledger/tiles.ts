/**
 * Tiles and entry bundles as in C2SP tlog-tiles: which a tree of a given size has, their paths, and
 * the bytes of a bundle.
 *
 * Tile `index` of `level` holds up to 256 hashes, each of a complete subtree of `256^level` leaves; a
 * bundle holds the entries of the level 0 tile of its index. Sizes are integers below 2^53.
 */
import { invariant, RetentionError } from '../domain/errors.ts';
import { ENTRY_BYTES_MAX } from './entry.ts';

/** Hashes of a full tile, entries of a full bundle. */
export const TILE_WIDTH = 256;

const MAX_LEVEL = 63;
const LENGTH_BYTES = 2;
/** Six elements of three digits hold every integer below 2^53. */
const PATH = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/(\d{1,3}))?$/;

export interface Bundle {
  readonly index: number;
  /** 1 to 256; below 256 it is partial, and the last of its level. */
  readonly width: number;
}

export interface Tile extends Bundle {
  readonly level: number;
}

/** What a path of the published folder names. */
export type PublishedFile =
  | ({ readonly kind: 'tile' } & Tile)
  | ({ readonly kind: 'bundle' } & Bundle);

/** How many complete subtrees of `256^level` leaves a tree has: the hashes of its tiles of that level. */
export function hashesAt(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** `tile/<L>/<N>[.p/<W>]`. Throws `INVARIANT_BROKEN` for a tile that cannot be. */
export function tilePath({ level, index, width }: Tile): string {
  invariant(
    Number.isInteger(level) && level >= 0 && level <= MAX_LEVEL,
    'The level of a tile is 0 to 63.',
  );
  return `tile/${level}/${position(index, width)}`;
}

/** `tile/entries/<N>[.p/<W>]`. Throws `INVARIANT_BROKEN` for a bundle that cannot be. */
export function bundlePath({ index, width }: Bundle): string {
  return `tile/entries/${position(index, width)}`;
}

/** What the path names, or undefined when neither `tilePath` nor `bundlePath` would write it. */
export function parsePath(path: string): PublishedFile | undefined {
  const [, place, digits, partial] = PATH.exec(path) ?? [];
  if (place === undefined || digits === undefined) return undefined;
  const index = Number(digits.replaceAll(/[x/]/g, ''));
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  const level = place === 'entries' ? 0 : Number(place);
  if (!isPosition(index, width) || level > MAX_LEVEL) return undefined;
  const file: PublishedFile =
    place === 'entries' ? { kind: 'bundle', index, width } : { kind: 'tile', level, index, width };
  // One tile has one path: leading zeros and a `.p/256` are refused here.
  return path === (file.kind === 'tile' ? tilePath(file) : bundlePath(file)) ? file : undefined;
}

/** Every tile of a tree, level by level from 0, one at a time. Throws as `newTiles` does. */
export function tilesOf(size: number): Generator<Tile, void, undefined> {
  return newTiles(0, size);
}

/** Every bundle of a tree, one at a time. Throws as `newTiles` does. */
export function bundlesOf(size: number): Generator<Bundle, void, undefined> {
  return newBundles(0, size);
}

/**
 * The tiles that whoever published the tree of the old size must write for the new one, level by
 * level from 0, one at a time. A tile that was partial comes again when it is wider now. Throws
 * `INVARIANT_BROKEN`, at the first step, for sizes that are none and for a tree that shrinks.
 */
export function* newTiles(oldSize: number, newSize: number): Generator<Tile, void, undefined> {
  checkSizes(oldSize, newSize);
  for (let level = 0; hashesAt(level, newSize) > 0; level += 1) {
    for (const bundle of wider(hashesAt(level, oldSize), hashesAt(level, newSize))) {
      yield { level, ...bundle };
    }
  }
}

/** The same for entry bundles. */
export function* newBundles(oldSize: number, newSize: number): Generator<Bundle, void, undefined> {
  checkSizes(oldSize, newSize);
  yield* wider(oldSize, newSize);
}

/**
 * The bytes of a bundle: for each entry its length as a big-endian uint16, then the entry. Throws
 * `INVARIANT_BROKEN` for an entry above 65,535 bytes, for no entries and for more than 256.
 */
export function encodeBundle(entries: readonly Buffer[]): Buffer {
  invariant(entries.length > 0 && entries.length <= TILE_WIDTH, 'A bundle has 1 to 256 entries.', {
    entries: entries.length,
  });
  const bytes = Buffer.allocUnsafe(
    entries.reduce((sum, { length }) => sum + LENGTH_BYTES + length, 0),
  );
  let at = 0;
  for (const entry of entries) {
    invariant(entry.length <= ENTRY_BYTES_MAX, 'An entry has at most 65,535 bytes.');
    at = bytes.writeUInt16BE(entry.length, at);
    at += entry.copy(bytes, at);
  }
  return bytes;
}

/**
 * The entries of a bundle, as views of its bytes. Throws `LEDGER_MALFORMED` for a bundle without
 * entries or with more than 256, and when it ends within an entry or a length.
 */
export function decodeBundle(bytes: Buffer): Buffer[] {
  const entries: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (entries.length === TILE_WIDTH) throw malformed('has more than 256 entries');
    const start = at + LENGTH_BYTES;
    if (start > bytes.length) throw malformed('ends within a length');
    at = start + bytes.readUInt16BE(at);
    if (at > bytes.length) throw malformed('ends within an entry');
    entries.push(bytes.subarray(start, at));
  }
  if (entries.length === 0) throw malformed('has no entries');
  return entries;
}

/** The files that grow, or come to be, when a level grows from `before` to `after` hashes. */
function* wider(before: number, after: number): Generator<Bundle, void, undefined> {
  if (before === after) return;
  const full = Math.floor(after / TILE_WIDTH);
  for (let index = Math.floor(before / TILE_WIDTH); index < full; index += 1) {
    yield { index, width: TILE_WIDTH };
  }
  if (after % TILE_WIDTH > 0) yield { index: full, width: after % TILE_WIDTH };
}

function position(index: number, width: number): string {
  invariant(isPosition(index, width), 'An index is below 2^53 and a width is 1 to 256.');
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  const elements = padded.replaceAll(/\d{3}(?=\d)/g, 'x$&/');
  return width === TILE_WIDTH ? elements : `${elements}.p/${width}`;
}

function isPosition(index: number, width: number): boolean {
  const isIndex = Number.isSafeInteger(index) && index >= 0;
  return isIndex && Number.isInteger(width) && width >= 1 && width <= TILE_WIDTH;
}

function checkSizes(oldSize: number, newSize: number): void {
  invariant(
    Number.isSafeInteger(oldSize) && Number.isSafeInteger(newSize) && oldSize >= 0,
    'The size of a tree is an integer below 2^53.',
  );
  invariant(oldSize <= newSize, 'A tree does not shrink.', { oldSize, newSize });
}

function malformed(what: string): RetentionError {
  return new RetentionError(
    'LEDGER_MALFORMED',
    `An entry bundle ${what}; fetch it again, and if it stays so keep it as it is and report it.`,
  );
}
