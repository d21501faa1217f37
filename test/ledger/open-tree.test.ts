import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EMPTY_ROOT } from '../../ledger/hashing.ts';
import { EMPTY_TREE, type FullTile, grow, type OpenTree, rootOf } from '../../ledger/open-tree.ts';
import { digest, numberedLeaves, referenceTree, sizesReached } from './rfc6962.ts';

const leaves = numberedLeaves(69_000);
const reference = referenceTree(leaves);
const packed = Buffer.concat(leaves);
const slice = (from: number, to: number) => packed.subarray(from * 32, to * 32);

/** Grows to these sizes, one after the other. */
function grown(sizes: readonly number[], start = EMPTY_TREE) {
  let tree = start;
  const full: FullTile[] = [];
  for (const size of sizes) {
    const next = grow(tree, slice(tree.size, size));
    full.push(...next.full);
    tree = next.tree;
  }
  return { tree, full };
}

/** C2SP tlog-tiles: hash `i` of tile `index` at `level` is MTH(D[(index·256 + i)·256^level : +256^level]). */
function expectHashes(hashes: Buffer, level: number, index: number) {
  const span = 256 ** level;
  const expected = Array.from({ length: hashes.length / 32 }, (_, i) => {
    const from = (index * 256 + i) * span;
    return reference.subtree(from, from + span);
  });
  expect(hashes.equals(Buffer.concat(expected)), `tile ${level}/${index}`).toBe(true);
}

const borders = [255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 66_000];

describe('the root of a growing tree', () => {
  test('is that of the RFC at every size up to 600, leaf by leaf', () => {
    let tree = EMPTY_TREE;
    for (let size = 1; size <= 600; size += 1) {
      tree = grow(tree, slice(size - 1, size)).tree;
      expect(tree.size).toBe(size);
      expect(rootOf(tree).equals(reference.root(size)), `size ${size}`).toBe(true);
    }
  });

  test.each(borders)(
    'is that of the RFC at %d leaves, grown at once and across the border',
    (n) => {
      for (const sizes of [[n], [n - 1, n], [n - 2, n]]) {
        expect(rootOf(grown(sizes).tree).equals(reference.root(n))).toBe(true);
      }
    },
  );

  test('is that of nothing for the empty tree, also when nothing was added', () => {
    expect(rootOf(EMPTY_TREE).equals(EMPTY_ROOT)).toBe(true);
    const { tree, full } = grow(EMPTY_TREE, Buffer.alloc(0));
    expect(tree).toEqual(EMPTY_TREE);
    expect(full).toEqual([]);
    const some = grown([300]).tree;
    expect(grow(some, Buffer.alloc(0))).toEqual({ tree: some, full: [] });
  });
});

describe('tiles', () => {
  test.each(borders)('are those of C2SP tlog-tiles at %d leaves, each full one once', (size) => {
    const { tree, full } = grown([size]);
    const expected: string[] = [];
    for (let level = 0; 256 ** level <= size; level += 1) {
      const tiles = Math.floor(size / 256 ** (level + 1));
      for (let index = 0; index < tiles; index += 1) expected.push(`${level}/${index}`);
      const open = tree.open[level]!;
      expect(open.length / 32).toBe(Math.floor(size / 256 ** level) % 256);
      expectHashes(open, level, tiles);
    }
    expect(full.map(({ level, index }) => `${level}/${index}`)).toEqual(expected);
    expect(tree.open[tree.open.length - 1]!.length).toBeGreaterThan(0);
    for (const { level, index, hashes } of full) {
      expect(hashes.length).toBe(8_192);
      expectHashes(hashes, level, index);
    }
  });

  test('and the tree do not depend on the sizes of the pieces it grew by', () => {
    const told = (hashes: Buffer) => `${hashes.length} ${digest(hashes).toString('hex')}`;
    const tell = ({ tree, full }: ReturnType<typeof grown>) => ({
      open: tree.open.map(told),
      full: full.map(({ level, index, hashes }) => `${level}/${index} ${told(hashes)}`).sort(),
    });
    const starts = [EMPTY_TREE, grown([65_000]).tree];
    const pieces = fc.array(fc.oneof(fc.nat(3), fc.nat(400), fc.constant(256)), { maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...starts), pieces, (start, added) => {
        const sizes = sizesReached(start.size, added);
        const last = sizes[sizes.length - 1]!;
        expect(tell(grown(sizes, start))).toEqual(tell(grown([last], start)));
      }),
      { numRuns: 100 },
    );
  });
});

describe('growing', () => {
  test.each([0, 256, 300])(
    'from %d leaves changes nothing it was given, and shares no memory with it',
    (size) => {
      const { tree } = grown([size]);
      const before = tree.open.map((hashes) => Buffer.from(hashes));
      const batch = Buffer.from(slice(size, 1_000));
      const next = grow(tree, batch);
      expect(tree.open).toEqual(before);
      expect(batch.equals(slice(size, 1_000))).toBe(true);
      // Whoever reuses a buffer must not change the log.
      batch.fill(0);
      for (const hashes of tree.open) hashes.fill(0);
      expect(rootOf(next.tree).equals(reference.root(1_000))).toBe(true);
      for (const { level, index, hashes } of next.full) expectHashes(hashes, level, index);
    },
  );

  test('refuses open tiles that are not those of the size', () => {
    const { size, open } = grown([66_000]).tree;
    const [first, second, third] = [open[0]!, open[1]!, open[2]!];
    const wrong: OpenTree[] = [
      { size: size + 1, open },
      { size: size - 1, open },
      { size: 0, open },
      { size: -1, open: [] },
      { size: 0.5, open: [] },
      { size: 2 ** 53, open: [] },
      { size: Number.NaN, open: [] },
      { size, open: [] },
      { size, open: [first, second] },
      { size, open: [first, second, third, Buffer.alloc(0)] },
      { size, open: [first.subarray(1), second, third] },
      { size, open: [first, Buffer.concat([second, third]), third] },
      { size, open: [second, first, third] },
    ];
    for (const tree of wrong) {
      const refused = expect.objectContaining({ code: 'LEDGER_MALFORMED' });
      expect(() => grow(tree, slice(0, 1))).toThrow(refused);
      expect(() => rootOf(tree)).toThrow(refused);
    }
  });

  test('refuses half a hash, and a tree that no number counts exactly', () => {
    const refused = expect.objectContaining({ code: 'INVARIANT_BROKEN' });
    expect(() => grow(EMPTY_TREE, packed.subarray(0, 33))).toThrow(refused);
    const last = 2 ** 53 - 1;
    const widths = [0, 1, 2, 3, 4, 5, 6].map((level) => Math.floor(last / 256 ** level) % 256);
    const full: OpenTree = { size: last, open: widths.map((width) => Buffer.alloc(width * 32)) };
    expect(rootOf(full).length).toBe(32);
    expect(() => grow(full, slice(0, 1))).toThrow(refused);
  });
});
