import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RetentionError } from '../../domain/errors.ts';
import {
  type Bundle,
  bundlePath,
  bundlesOf,
  decodeBundle,
  encodeBundle,
  newBundles,
  newTiles,
  parsePath,
  type Tile,
  tilePath,
  tilesOf,
} from '../../ledger/tiles.ts';
import { sizesReached } from './rfc6962.ts';

const INVARIANT = expect.objectContaining({ code: 'INVARIANT_BROKEN' });
const LARGEST = 2 ** 53 - 1;

const index = fc.oneof(fc.nat(2_000), fc.maxSafeNat());
const width = fc.integer({ min: 1, max: 256 });
const level = fc.nat(63);

describe('paths', () => {
  test.each([
    [{ level: 0, index: 0, width: 256 }, 'tile/0/000'],
    [{ level: 0, index: 0, width: 1 }, 'tile/0/000.p/1'],
    [{ level: 2, index: 999, width: 256 }, 'tile/2/999'],
    [{ level: 0, index: 1_000, width: 255 }, 'tile/0/x001/000.p/255'],
    [{ level: 1, index: 1_234_067, width: 256 }, 'tile/1/x001/x234/067'],
    [{ level: 63, index: 100_000, width: 17 }, 'tile/63/x100/000.p/17'],
    [{ level: 0, index: LARGEST, width: 256 }, 'tile/0/x009/x007/x199/x254/x740/991'],
  ])('of %o is %s', (tile, path) => {
    expect(tilePath(tile)).toBe(path);
    expect(parsePath(path)).toEqual({ kind: 'tile', ...tile });
    const { level: _, ...bundle } = tile;
    const bundlesPath = path.replace(/^tile\/\d+/, 'tile/entries');
    expect(bundlePath(bundle)).toBe(bundlesPath);
    expect(parsePath(bundlesPath)).toEqual({ kind: 'bundle', ...bundle });
  });

  test('come back as what they name', () => {
    fc.assert(
      fc.property(level, index, width, (l, n, w) => {
        const tile = { level: l, index: n, width: w };
        expect(parsePath(tilePath(tile))).toEqual({ kind: 'tile', ...tile });
        const bundle = { index: n, width: w };
        expect(parsePath(bundlePath(bundle))).toEqual({ kind: 'bundle', ...bundle });
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ...['', 'checkpoint', 'tile', 'tile/', 'tile/0', 'tile/0/', '/tile/0/000', 'tile/0/000/'],
    ...[
      'tile/00/000',
      'tile/64/000',
      'tile/-1/000',
      'tile/+1/000',
      'tile/1e1/000',
      'tile/data/000',
    ],
    ...['tile/0/0', 'tile/0/0000', 'tile/0/x000/001', 'tile/0/001/002', 'tile/0/x001/x002'],
    ...[
      'tile/0/x01/002',
      'tile/0/X001/002',
      'tile/0/x001//002',
      'tile/0/x001/../002',
      'tile/0/-01',
    ],
    ...['tile/0/000.p/0', 'tile/0/000.p/256', 'tile/0/000.p/01', 'tile/0/000.p/', 'tile/0/000.p'],
    ...['tile/0/000.p/999', 'tile/0/000.p/-1', 'tile/0/000.P/1', 'tile/0/000p/1', 'tile/0/000/p/1'],
    ...['tile/0/000\n', ' tile/0/000', 'tile/0/٠٠٠', 'tile/0/000?x', 'tile\\0\\000', 'TILE/0/000'],
    ...['tile/0/x009/x007/x199/x254/x740/992', 'tile/0/x999/x999/x999/x999/x999/999'],
    ...['tile/0/x001/x000/x000/x000/x000/x000/000', 'tile/entries', 'tile/entries/000.p/300'],
    ...['tile/Entries/000', 'tile/entries/x000/000', 'tile/8/0/000', 'tile/0/000.p/1/2'],
  ])('%j names nothing', (path) => {
    expect(parsePath(path)).toBeUndefined();
  });

  test('whatever is read as a path is the path of what was read: 20,000 texts', () => {
    const pieces = fc.array(
      fc.constantFrom(
        ...['tile', 'entries', '/', '/', '0', '63', '7', '000', 'x001', '067', 'x', '.p', '255'],
        ...['256', '1', '-', '00', '.', '..', '\n', 'é', '9007199254740991', '\0'],
      ),
      { maxLength: 12 },
    );
    const digits = fc.nat(9).map(String);
    const nearly = fc
      .tuple(level, index, width, fc.nat(), fc.oneof(digits, fc.string({ maxLength: 2 })))
      .map(([l, n, w, at, noise]) => {
        const path = tilePath({ level: l, index: n, width: w });
        const cut = at % path.length;
        return path.slice(0, cut) + noise + path.slice(cut + 1);
      });
    const text = fc.oneof(
      pieces.map((all) => all.join('')),
      nearly,
      fc.string(),
    );
    let named = 0;
    fc.assert(
      fc.property(text, (path) => {
        const file = parsePath(path);
        if (file === undefined) return;
        named += 1;
        expect(file.kind === 'tile' ? tilePath(file) : bundlePath(file)).toBe(path);
      }),
      { numRuns: 20_000 },
    );
    expect(named).toBeGreaterThan(500);
  });

  test('there is none for what cannot be', () => {
    const tile = { level: 0, index: 0, width: 1 };
    for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(() => tilePath({ ...tile, level: wrong })).toThrow(INVARIANT);
      expect(() => tilePath({ ...tile, index: wrong })).toThrow(INVARIANT);
      expect(() => tilePath({ ...tile, width: wrong })).toThrow(INVARIANT);
      expect(() => bundlePath({ index: wrong, width: 1 })).toThrow(INVARIANT);
      expect(() => bundlePath({ index: 0, width: wrong })).toThrow(INVARIANT);
    }
    expect(() => tilePath({ ...tile, level: 64 })).toThrow(INVARIANT);
    expect(() => tilePath({ ...tile, width: 0 })).toThrow(INVARIANT);
    expect(() => tilePath({ ...tile, width: 257 })).toThrow(INVARIANT);
  });
});

/** What C2SP tlog-tiles lists for a tree of that size, said once more and plainly. */
function listed(size: number): string[] {
  const paths: string[] = [];
  for (let l = 0; 256 ** l <= size; l += 1) {
    const hashes = Math.floor(size / 256 ** l);
    for (let n = 0; n * 256 < hashes; n += 1) {
      const w = Math.min(256, hashes - n * 256);
      paths.push(tilePath({ level: l, index: n, width: w }));
    }
  }
  return paths;
}

const tilePaths = (tiles: Iterable<Tile>) => [...tiles].map(tilePath);
const bundlePaths = (bundles: Iterable<Bundle>) => [...bundles].map(bundlePath);
const asBundle = (path: string) => path.replace(/^tile\/0/, 'tile/entries');

describe('the tiles and bundles of a tree', () => {
  test('of 70,000 entries are those of the example in the specification', () => {
    const paths = tilePaths(tilesOf(70_000));
    expect(paths.filter((path) => /^tile\/0\/\d{3}$/.test(path)).length).toBe(273);
    expect(paths.slice(273)).toEqual([
      'tile/0/273.p/112',
      'tile/1/000',
      'tile/1/001.p/17',
      'tile/2/000.p/1',
    ]);
    expect(tilePaths(tilesOf(256))).toEqual(['tile/0/000', 'tile/1/000.p/1']);
    expect(bundlePaths(bundlesOf(257))).toEqual(['tile/entries/000', 'tile/entries/001.p/1']);
  });

  test('are those of the definition at every size up to 600 and at the borders', () => {
    const borders = [65_535, 65_536, 65_537, 131_072];
    for (const size of [...Array.from({ length: 601 }, (_, i) => i), ...borders]) {
      const expected = listed(size);
      expect(tilePaths(tilesOf(size))).toEqual(expected);
      const bundles = expected.filter((path) => path.startsWith('tile/0/')).map(asBundle);
      expect(bundlePaths(bundlesOf(size))).toEqual(bundles);
    }
  });

  test('are listed one by one: the largest tree is not walked to know its first', () => {
    expect(tilesOf(LARGEST).next().value).toEqual({ level: 0, index: 0, width: 256 });
    expect(bundlesOf(LARGEST).next().value).toEqual({ index: 0, width: 256 });
    const last = [...newTiles(LARGEST - 1, LARGEST)];
    expect(last).toEqual([{ level: 0, index: 2 ** 45 - 1, width: 255 }]);
  });
});

describe('what a publisher writes when the tree grows', () => {
  const growth = fc
    .array(fc.oneof(fc.nat(3), fc.nat(1_000), fc.constant(256)), { maxLength: 8 })
    .map((added) => sizesReached(65_000, added));

  test('is everything a reader of any published size needs, and no path twice', () => {
    fc.assert(
      fc.property(growth, (sizes) => {
        const written = [0, ...sizes].flatMap((from, i) => {
          const to = sizes[i] ?? from;
          return [...tilePaths(newTiles(from, to)), ...bundlePaths(newBundles(from, to))];
        });
        expect(new Set(written).size).toBe(written.length);
        const folder = new Set(written);
        for (const size of sizes) {
          const needed = [...tilePaths(tilesOf(size)), ...bundlePaths(bundlesOf(size))];
          expect(needed.filter((path) => !folder.has(path))).toEqual([]);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('is the wider tile again, the full one once, and nothing when nothing grew', () => {
    expect(tilePaths(newTiles(3, 5))).toEqual(['tile/0/000.p/5']);
    expect(tilePaths(newTiles(255, 256))).toEqual(['tile/0/000', 'tile/1/000.p/1']);
    expect(tilePaths(newTiles(256, 257))).toEqual(['tile/0/001.p/1']);
    expect(bundlePaths(newBundles(250, 600))).toEqual([
      ...['tile/entries/000', 'tile/entries/001', 'tile/entries/002.p/88'],
    ]);
    expect([...newTiles(70_000, 70_000), ...newBundles(0, 0), ...tilesOf(0)]).toEqual([]);
  });

  test('is nothing for a tree that shrinks or a size that is none: refused', () => {
    for (const [from, to] of [
      [5, 4],
      [-1, 4],
      [0.5, 4],
      [0, 0.5],
      [0, 2 ** 53],
      [Number.NaN, 4],
      [0, Number.POSITIVE_INFINITY],
    ] as const) {
      expect(() => newTiles(from, to).next()).toThrow(INVARIANT);
      expect(() => newBundles(from, to).next()).toThrow(INVARIANT);
    }
  });
});

describe('entry bundles', () => {
  const entry = fc.uint8Array({ maxLength: 90 }).map((bytes) => Buffer.from(bytes));
  const entries = fc.array(entry, { minLength: 1, maxLength: 256 });
  const malformed = expect.objectContaining({ code: 'LEDGER_MALFORMED' });

  test('are big-endian lengths and entries', () => {
    const bytes = encodeBundle([Buffer.from('ab'), Buffer.alloc(0), Buffer.alloc(258, 1)]);
    expect(bytes.toString('hex')).toBe(`0002616200000102${'01'.repeat(258)}`);
  });

  test('come back as they were, up to 256 entries of 65,535 bytes', () => {
    fc.assert(
      fc.property(entries, (list) => {
        expect(decodeBundle(encodeBundle(list))).toEqual(list);
      }),
    );
    const largest = Array.from({ length: 256 }, () => randomBytes(65_535));
    const decoded = decodeBundle(encodeBundle(largest));
    expect(decoded.every((bytes, i) => bytes.equals(largest[i]!))).toBe(true);
    expect(decoded.length).toBe(256);
  });

  test('are refused when bytes are missing at the end or come after it', () => {
    const bytes = encodeBundle([Buffer.from('first'), Buffer.from('second')]);
    const whole = new Set([7, bytes.length]);
    for (let length = 0; length <= bytes.length; length += 1) {
      const read = () => decodeBundle(bytes.subarray(0, length));
      if (whole.has(length)) expect(read()).toHaveLength(length === 7 ? 1 : 2);
      else expect(read).toThrow(malformed);
    }
    for (const more of ['00', '0001', 'ffff00']) {
      const extended = Buffer.concat([bytes, Buffer.from(more, 'hex')]);
      expect(() => decodeBundle(extended)).toThrow(malformed);
    }
  });

  test('are refused with no entry and with 257', () => {
    const one = encodeBundle([Buffer.from('x')]);
    const full = Buffer.concat(Array.from({ length: 256 }, () => one));
    expect(decodeBundle(full)).toHaveLength(256);
    expect(() => decodeBundle(Buffer.concat([full, one]))).toThrow(malformed);
    expect(() => decodeBundle(Buffer.alloc(0))).toThrow(malformed);
    expect(() => encodeBundle([])).toThrow(INVARIANT);
    expect(() => encodeBundle(Array.from({ length: 257 }, () => one))).toThrow(INVARIANT);
    expect(() => encodeBundle([Buffer.alloc(65_536)])).toThrow(INVARIANT);
  });

  test('any 20,000 bytes are a bundle that is written the same, or an error with a code', () => {
    const small = fc.uint8Array({ maxLength: 12, max: 4 }).map((bytes) => Buffer.from(bytes));
    const random = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
    const damaged = fc
      .tuple(fc.array(entry, { minLength: 1, maxLength: 4 }), fc.nat(), fc.nat(255))
      .map(([list, at, byte]) => {
        const bytes = encodeBundle(list);
        bytes[at % bytes.length] = byte;
        return bytes;
      });
    let [read, refused] = [0, 0];
    fc.assert(
      fc.property(fc.oneof(small, random, damaged), (bytes) => {
        try {
          expect(encodeBundle(decodeBundle(bytes)).equals(bytes)).toBe(true);
          read += 1;
        } catch (error) {
          expect(error instanceof RetentionError && error.code).toBe('LEDGER_MALFORMED');
          refused += 1;
        }
      }),
      { numRuns: 20_000 },
    );
    expect(Math.min(read, refused)).toBeGreaterThan(1_000);
  });
});
