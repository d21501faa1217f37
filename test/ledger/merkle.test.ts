import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EMPTY_ROOT, leafHash, nodeHash, sha256, toParents } from '../../ledger/hashing.ts';
import {
  type ConsistencyClaim,
  type InclusionClaim,
  subtreeRoot,
  verifyConsistency,
  verifyInclusion,
} from '../../ledger/merkle.ts';
import {
  consistencyRoots,
  digest,
  inclusionRoot,
  numberedLeaves,
  referenceTree,
  tellingIndexes,
} from './rfc6962.ts';

const SIZES = 600;
const leaves = numberedLeaves(SIZES);
const tree = referenceTree(leaves);

function inclusion(index: number, size: number): InclusionClaim {
  const proof = tree.inclusion(index, size);
  return { leafHash: leaves[index]!, index, size, proof, root: tree.root(size) };
}

function consistency(oldSize: number, newSize: number): ConsistencyClaim {
  const [oldRoot, newRoot] = [tree.root(oldSize), tree.root(newSize)];
  return { oldSize, oldRoot, newSize, newRoot, proof: tree.consistency(oldSize, newSize) };
}

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  const at = bit % (8 * copy.length);
  const byte = Math.floor(at / 8);
  copy[byte] = copy[byte]! ^ (1 << (at % 8));
  return copy;
}

const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);
const hex = (hashes: readonly Buffer[]) => hashes.map((hash) => hash.toString('hex'));

describe('the reference tree of Certificate Transparency', () => {
  const entries = [
    ...['', '00', '10', '2021', '3031', '40414243', '5051525354555657'],
    '606162636465666768696a6b6c6d6e6f',
  ].map((entry) => Buffer.from(entry, 'hex'));
  const leaf = [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
    '0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7',
    '07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7',
    'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    '4271a26be0d8a84f0bd54c8c302e7cb3a3b5d1fa6780a40bcce2873477dab658',
    'b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f',
    '46f6ffadd3d06a09ff3c5860d2755c8b9819db7df44251788c7d8e3180de8eb1',
  ];
  const pair = {
    '01': 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    '23': '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
    '45': '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
    '67': 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
  };
  const four = {
    first: 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    second: '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
  };
  const root = [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    leaf[0]!,
    pair['01'],
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    four.first,
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ];
  const bytes = (hash: string) => Buffer.from(hash, 'hex');

  test('has these leaf hashes, and these roots from no entry to eight', () => {
    const hashes = entries.map(leafHash);
    expect(hex(hashes)).toEqual(leaf);
    expect(hex(root.map((_, size) => subtreeRoot(Buffer.concat(hashes.slice(0, size)))))).toEqual(
      root,
    );
    expect(EMPTY_ROOT.toString('hex')).toBe(root[0]);
    expect(nodeHash(bytes(pair['45']), bytes(pair['67'])).toString('hex')).toBe(four.second);
  });

  test.each([
    [0, 1, []],
    [0, 8, [leaf[1]!, pair['23'], four.second]],
    [5, 8, [leaf[4]!, pair['67'], four.first]],
    [2, 3, [pair['01']]],
    [1, 5, [leaf[0]!, pair['23'], leaf[4]!]],
  ])('has leaf %d of %d by its published path', (index, size, path) => {
    const proof = path.map(bytes);
    const claim = { leafHash: bytes(leaf[index]!), index, size, proof, root: bytes(root[size]!) };
    expect(verifyInclusion(claim)).toBe(true);
  });

  test.each([
    [1, 1, []],
    [1, 8, [leaf[1]!, pair['23'], four.second]],
    [6, 8, [pair['45'], pair['67'], four.first]],
    [2, 5, [pair['23'], leaf[4]!]],
    [3, 7, [leaf[2]!, leaf[3]!, pair['01'], '']],
  ])('of %d entries began the one of %d by its published proof', (oldSize, newSize, path) => {
    // The one hash that is in no list: the incomplete subtree over entries 4 to 6.
    const last = digest(Buffer.of(1), bytes(pair['45']), bytes(leaf[6]!));
    const proof = path.map((hash) => (hash === '' ? last : bytes(hash)));
    const [oldRoot, newRoot] = [bytes(root[oldSize]!), bytes(root[newSize]!)];
    expect(verifyConsistency({ oldSize, oldRoot, newSize, newRoot, proof })).toBe(true);
  });
});

describe('roots and proofs of every size up to 600, against the definition of the RFC', () => {
  test('the root is the same', () => {
    for (const size of upTo(SIZES)) {
      const packed = Buffer.concat(leaves.slice(0, size));
      expect(subtreeRoot(packed).equals(tree.root(size)), `size ${size}`).toBe(true);
    }
  });

  test('inclusion proofs hold: every leaf up to size 130, the telling ones beyond', () => {
    for (const size of upTo(SIZES)) {
      const indexes = size <= 130 ? upTo(size).map((n) => n - 1) : tellingIndexes(size);
      const refused = indexes.filter((index) => !verifyInclusion(inclusion(index, size)));
      expect(refused, `size ${size}`).toEqual([]);
    }
  });

  test('consistency proofs hold: every older size up to 130, the telling ones beyond', () => {
    for (const size of upTo(SIZES)) {
      const older = size <= 130 ? upTo(size) : tellingIndexes(size).map((index) => index + 1);
      const refused = older.filter((oldSize) => !verifyConsistency(consistency(oldSize, size)));
      expect(refused, `size ${size}`).toEqual([]);
    }
  });
});

describe('the verifiers say what RFC 9162 says to the letter, at any size below 2^53', () => {
  const path = fc.array(fc.integer({ min: 0, max: 2 ** 31 }), { maxLength: 56 });
  const hashesOf = (seeds: readonly number[]) => seeds.map((n) => digest(Buffer.from(String(n))));
  const sizes = fc
    .tuple(fc.maxSafeNat(), fc.maxSafeNat(), fc.integer({ min: 0, max: 52 }))
    .map(([a, b, shift]) => [a, b].map((n) => Math.floor(n / 2 ** shift)).sort((x, y) => x - y))
    .map(([low, high]) => [low!, high!] as const);
  const leaf = digest(Buffer.from('leaf'));

  const all = hashesOf(upTo(56));
  const unhashed = (left: Buffer) => left;

  /** As many of all as the RFC accepts for a path: never two numbers, and none for no path at all. */
  function accepted(check: (proof: Buffer[]) => unknown): Buffer[] {
    const proofs = all.map((_, i) => all.slice(0, i)).filter((p) => check(p) !== undefined);
    expect(proofs.length).toBeLessThanOrEqual(1);
    return proofs[0] ?? [];
  }

  test('inclusion', () => {
    let held = 0;
    fc.assert(
      fc.property(sizes, path, ([index, size], seeds) => {
        const check = (proof: Buffer[], node?: typeof unhashed) =>
          inclusionRoot(leaf, BigInt(index), BigInt(size), proof, node);
        for (const proof of [hashesOf(seeds), accepted((path) => check(path, unhashed))]) {
          const root = check(proof);
          const claim = { leafHash: leaf, index, size, proof, root: root ?? leaf };
          expect(verifyInclusion(claim)).toBe(root !== undefined);
          if (root !== undefined) held += 1;
        }
      }),
      { numRuns: 200 },
    );
    expect(held).toBeGreaterThan(100);
  });

  test('consistency', () => {
    let held = 0;
    fc.assert(
      fc.property(sizes, path, ([oldSize, newSize], seeds) => {
        fc.pre(oldSize > 0 && oldSize < newSize);
        const check = (proof: Buffer[], node?: typeof unhashed) =>
          consistencyRoots(BigInt(oldSize), leaf, BigInt(newSize), proof, node);
        for (const proof of [hashesOf(seeds), accepted((path) => check(path, unhashed))]) {
          const implied = check(proof);
          const holds = implied !== undefined;
          const roots = implied ?? { oldRoot: leaf, newRoot: leaf };
          expect(verifyConsistency({ oldSize, newSize, proof, ...roots })).toBe(holds);
          if (holds) held += 1;
        }
      }),
      { numRuns: 200 },
    );
    expect(held).toBeGreaterThan(100);
  });
});

describe('one flipped bit anywhere, and nothing is proven', () => {
  const sizes = fc.integer({ min: 1, max: SIZES });
  const bits = fc.nat();

  test('in the leaf, the root or the proof of an inclusion', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), bits, bits, (size, at, part, bit) => {
        const claim = inclusion(at % size, size);
        const parts = [claim.leafHash, claim.root, ...claim.proof];
        const [leaf, root, ...proof] = parts.map((hash, i) =>
          i === part % parts.length ? flipped(hash, bit) : hash,
        );
        expect(verifyInclusion({ ...claim, leafHash: leaf!, root: root!, proof })).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  test('in either root or the proof of a consistency', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), bits, bits, (newSize, at, part, bit) => {
        const claim = consistency(1 + (at % newSize), newSize);
        const parts = [claim.oldRoot, claim.newRoot, ...claim.proof];
        const [oldRoot, newRoot, ...proof] = parts.map((hash, i) =>
          i === part % parts.length ? flipped(hash, bit) : hash,
        );
        const wrong = { ...claim, oldRoot: oldRoot!, newRoot: newRoot!, proof };
        expect(verifyConsistency(wrong)).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  test('nor by a proof with a hash too many, too few, or in another place', () => {
    for (const [index, size] of [
      [0, 7],
      [5, 8],
      [300, 600],
    ] as const) {
      const claim = inclusion(index, size);
      const older = consistency(index + 1, size);
      const wrong = (proof: readonly Buffer[]) => [
        [...proof, proof[0]!],
        [proof[0]!, ...proof],
        proof.slice(1),
        proof.slice(0, -1),
        [...proof].reverse(),
        [],
      ];
      for (const proof of wrong(claim.proof)) {
        expect(verifyInclusion({ ...claim, proof })).toBe(false);
      }
      for (const proof of wrong(older.proof)) {
        expect(verifyConsistency({ ...older, proof })).toBe(false);
      }
    }
  });

  test('nor at another index, in a tree of another size, or for another pair of sizes', () => {
    const size = 21;
    for (const index of upTo(size).map((n) => n - 1)) {
      const claim = inclusion(index, size);
      const older = consistency(index + 1, size);
      for (const other of upTo(40)) {
        if (other - 1 !== index) {
          expect(verifyInclusion({ ...claim, index: other - 1 })).toBe(false);
          expect(verifyConsistency({ ...older, oldSize: other })).toBe(false);
        }
      }
    }
    // A path of the right length is one for other sizes too; the root settles which.
    expect(verifyInclusion({ ...inclusion(2, 21), size: 22 })).toBe(true);
    expect(verifyInclusion({ ...inclusion(2, 21), size: 22, root: tree.root(22) })).toBe(false);
    expect(verifyInclusion({ ...inclusion(20, 21), size: 22 })).toBe(false);
  });
});

describe('what is no proof at all is false, and never an error', () => {
  const sound = inclusion(2, 5);
  const short = Buffer.alloc(31);
  const huge = Array.from({ length: 100_000 }, () => sound.root);
  const numbers = [-1, 0.5, Number.NaN, Infinity, -Infinity, 2 ** 53, 2 ** 64];

  const inclusions: Partial<InclusionClaim>[] = [
    { index: 5 },
    { index: 6 },
    { size: 0, index: 0, proof: [] },
    { leafHash: short },
    { leafHash: Buffer.alloc(0) },
    { root: short },
    { root: Buffer.alloc(64) },
    { proof: [...sound.proof.slice(0, 2), short] },
    { proof: [Buffer.alloc(0), ...sound.proof.slice(1)] },
    { proof: huge },
    ...numbers.flatMap((n) => [{ index: n }, { size: n }, { index: n, size: n }]),
  ];

  test('inclusion', () => {
    expect(verifyInclusion(sound)).toBe(true);
    // Rounded or taken from the other end, these would be the first of two leaves.
    for (const index of [0.5, -1, -2]) {
      expect(verifyInclusion({ ...inclusion(0, 2), index }), `index ${index}`).toBe(false);
    }
    for (const [i, wrong] of inclusions.entries()) {
      expect(verifyInclusion({ ...sound, ...wrong }), `case ${i}`).toBe(false);
    }
    expect(verifyInclusion({ ...sound, size: 2 ** 53 - 1, index: 2 ** 53 - 2 })).toBe(false);
  });

  const older = consistency(3, 5);
  const same = consistency(5, 5);
  const power = consistency(4, 5);
  // All that a tree of two leaves has to show, for a tree that was there before the first.
  const first = { ...consistency(1, 2), proof: leaves.slice(0, 2) };
  const consistencies: ConsistencyClaim[] = [
    { ...older, oldSize: 6 },
    { ...older, oldSize: 0 },
    { ...older, oldSize: 0, proof: [] },
    { ...older, oldSize: 0, oldRoot: EMPTY_ROOT, proof: [] },
    { ...older, oldSize: 0, newSize: 0 },
    { ...same, oldSize: 0, newSize: 0, oldRoot: EMPTY_ROOT, newRoot: EMPTY_ROOT },
    ...[0, 0.5, -1].map((oldSize) => ({ ...first, oldSize })),
    { ...older, oldRoot: short },
    { ...older, newRoot: short },
    { ...older, proof: [short, ...older.proof.slice(1)] },
    { ...older, proof: [...older.proof.slice(0, -1), Buffer.alloc(33)] },
    { ...older, proof: huge },
    { ...power, proof: huge },
    { ...power, proof: [power.oldRoot, ...power.proof] },
    { ...same, proof: [same.newRoot] },
    { ...same, oldRoot: tree.root(4) },
    { ...same, oldRoot: short, newRoot: short },
    ...numbers.flatMap((n) => [
      { ...older, oldSize: n },
      { ...older, newSize: n },
      { ...same, oldSize: n, newSize: n },
    ]),
  ];

  test('consistency', () => {
    for (const sound of [older, same, power]) expect(verifyConsistency(sound)).toBe(true);
    for (const [i, wrong] of consistencies.entries()) {
      expect(verifyConsistency(wrong), `case ${i}`).toBe(false);
    }
  });
});

describe('hashing', () => {
  test('digests the parts as one text', () => {
    const bytes = randomBytes(1_000);
    const expected = digest(bytes).toString('hex');
    expect(sha256(bytes).toString('hex')).toBe(expected);
    expect(sha256(bytes.subarray(0, 7), bytes.subarray(7)).toString('hex')).toBe(expected);
  });

  test('a hash that is cut is refused, not padded', () => {
    const refused = expect.objectContaining({ code: 'INVARIANT_BROKEN' });
    expect(() => nodeHash(Buffer.alloc(31), Buffer.alloc(33))).toThrow(refused);
    expect(() => nodeHash(Buffer.alloc(32), Buffer.alloc(0))).toThrow(refused);
    expect(() => subtreeRoot(Buffer.alloc(33))).toThrow(refused);
  });

  test('a root leaves the hashes that it was made of as they were', () => {
    const packed = Buffer.concat(leaves.slice(0, 7));
    const before = Buffer.from(packed);
    const root = subtreeRoot(packed);
    root.fill(0);
    expect(packed.equals(before)).toBe(true);
    expect(subtreeRoot(packed).equals(tree.root(7))).toBe(true);
  });

  test('parents stand in place of their children, an only child in place of itself', () => {
    const packed = Buffer.concat(leaves.slice(0, 3));
    expect(toParents(packed, 3)).toBe(2);
    expect(packed.subarray(0, 64).equals(Buffer.concat([tree.root(2), leaves[2]!]))).toBe(true);
  });
});
