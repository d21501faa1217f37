import { describe, expect, test } from 'vitest';
import { verifyConsistency, verifyInclusion } from '../../ledger/merkle.ts';
import {
  leafHashAt,
  proveConsistency,
  proveInclusion,
  type ReadTile,
} from '../../ledger/proofs.ts';
import { numberedLeaves, referenceTree, tellingIndexes } from './rfc6962.ts';
import { tileStore } from './tile-store.ts';

const leaves = numberedLeaves(70_000);
const reference = referenceTree(leaves);
const { readTile } = tileStore(leaves);
const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

function expectHashes(actual: readonly Buffer[], expected: readonly Buffer[], what: string) {
  const hex = (hashes: readonly Buffer[]) => hashes.map((hash) => hash.toString('hex')).join('\n');
  expect(hex(actual), what).toBe(hex(expected));
}

async function expectInclusion(index: number, size: number) {
  const proof = await proveInclusion(readTile, index, size);
  expectHashes(proof, reference.inclusion(index, size), `leaf ${index} of ${size}`);
  const leafHash = await leafHashAt(readTile, index, size);
  expect(leafHash.equals(leaves[index]!)).toBe(true);
  const root = reference.root(size);
  expect(verifyInclusion({ leafHash, index, size, proof, root })).toBe(true);
}

async function expectConsistency(oldSize: number, newSize: number) {
  const proof = await proveConsistency(readTile, oldSize, newSize);
  expectHashes(proof, reference.consistency(oldSize, newSize), `${oldSize} in ${newSize}`);
  const [oldRoot, newRoot] = [reference.root(oldSize), reference.root(newSize)];
  expect(verifyConsistency({ oldSize, oldRoot, newSize, newRoot, proof })).toBe(true);
}

describe('proofs from tiles are those of the RFC', () => {
  test('for every leaf and every older size of the trees up to 40', async () => {
    for (const size of upTo(40)) {
      for (const n of upTo(size)) {
        await expectInclusion(n - 1, size);
        await expectConsistency(n, size);
      }
    }
  });

  test('for the telling ones of every tree up to 600', async () => {
    for (const size of upTo(600)) {
      // Some of them each time; which ones changes with the size.
      const indexes = tellingIndexes(size).filter((_, i) => (i + size) % 8 === 0);
      for (const index of indexes) {
        await expectInclusion(index, size);
        await expectConsistency(index + 1, size);
      }
    }
  });

  test.each([255, 256, 257, 65_535, 65_536, 65_537, 70_000])(
    'at the borders of tiles: %d leaves',
    async (size) => {
      for (const index of tellingIndexes(size)) {
        await expectInclusion(index, size);
        await expectConsistency(index + 1, size);
      }
    },
  );
});

describe('only the tiles that a proof needs are read, each once and as wide as in that tree', () => {
  const readFor = async (prove: (readTile: ReadTile) => Promise<unknown>) => {
    const store = tileStore(leaves);
    await prove(store.readTile);
    return store.reads.sort();
  };

  test('inclusion', async () => {
    // 70,000 = 1·256² + 17·256 + 112.
    const edge = ['0/273/112', '1/1/17'];
    const first = await readFor((read) => proveInclusion(read, 0, 70_000));
    expect(first).toEqual(['0/0/256', ...edge, '1/0/256'].sort());
    const last = await readFor((read) => proveInclusion(read, 69_999, 70_000));
    expect(last).toEqual([...edge, '2/0/1'].sort());
    expect(await readFor((read) => proveInclusion(read, 3, 5))).toEqual(['0/0/5']);
    expect(await readFor((read) => proveInclusion(read, 0, 1))).toEqual([]);
  });

  test('a single leaf', async () => {
    expect(await readFor((read) => leafHashAt(read, 69_999, 70_000))).toEqual(['0/273/112']);
    expect(await readFor((read) => leafHashAt(read, 255, 257))).toEqual(['0/0/256']);
  });

  test('consistency', async () => {
    expect(await readFor((read) => proveConsistency(read, 70_000, 70_000))).toEqual([]);
    expect(await readFor((read) => proveConsistency(read, 256, 512))).toEqual(['1/0/2']);
    expect(await readFor((read) => proveConsistency(read, 65_536, 65_537))).toEqual(['0/256/1']);
  });
});

describe('refused', () => {
  test('leaves that the tree has not, and sizes between which there is no proof', async () => {
    const refused = expect.objectContaining({ code: 'INVARIANT_BROKEN' });
    for (const [index, size] of [
      [5, 5],
      [-1, 5],
      [0, 0],
      [0.5, 5],
      [0, 2 ** 53],
      [Number.NaN, 5],
    ] as const) {
      await expect(proveInclusion(readTile, index, size)).rejects.toThrow(refused);
      await expect(leafHashAt(readTile, index, size)).rejects.toThrow(refused);
    }
    for (const [oldSize, newSize] of [
      [0, 0],
      [0, 5],
      [6, 5],
      [-1, 5],
      [1.5, 5],
      [1, Number.POSITIVE_INFINITY],
    ] as const) {
      await expect(proveConsistency(readTile, oldSize, newSize)).rejects.toThrow(refused);
    }
  });

  test('a tile that is narrower or wider than the tree says', async () => {
    const refused = expect.objectContaining({ code: 'LEDGER_MALFORMED' });
    for (const bytes of [0, 4 * 32, 5 * 32 - 1, 5 * 32 + 1, 256 * 32]) {
      const wrong: ReadTile = () => Promise.resolve(Buffer.alloc(bytes));
      await expect(proveInclusion(wrong, 0, 5)).rejects.toThrow(refused);
      await expect(proveConsistency(wrong, 3, 5)).rejects.toThrow(refused);
      await expect(leafHashAt(wrong, 0, 5)).rejects.toThrow(refused);
    }
  });

  test('a tile that cannot be read: the reason comes through', async () => {
    const reason = new Error('the folder is gone');
    const gone: ReadTile = () => Promise.reject(reason);
    await expect(proveInclusion(gone, 0, 70_000)).rejects.toBe(reason);
    await expect(proveConsistency(gone, 3, 70_000)).rejects.toBe(reason);
  });
});
