/** Sigstore's verifier accepts our proofs, and refuses what ours refuses. */
import { verifyMerkleInclusion } from '@sigstore/verify/dist/tlog/merkle.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type InclusionClaim, verifyInclusion } from '../../ledger/merkle.ts';
import { EMPTY_TREE, grow, rootOf } from '../../ledger/open-tree.ts';
import { proveInclusion } from '../../ledger/proofs.ts';
import { leafOf, numberedLeaves, tellingIndexes } from './rfc6962.ts';
import { tileStore } from './tile-store.ts';

const leaves = numberedLeaves(65_537);
const { readTile } = tileStore(leaves);

type TheirEntry = Parameters<typeof verifyMerkleInclusion>[0];
type TheirCheckpoint = Parameters<typeof verifyMerkleInclusion>[1];
/** Theirs hashes the entry itself. */
type Claim = Omit<InclusionClaim, 'leafHash'> & { readonly entry: Buffer };

function sigstoreHolds({ entry, index, size, proof, root }: Claim): boolean {
  const claim = {
    canonicalizedBody: entry,
    inclusionProof: { logIndex: String(index), hashes: [...proof] },
  };
  try {
    // Their types ask for a whole transparency log entry; this function reads only these fields.
    verifyMerkleInclusion(
      claim as TheirEntry,
      {
        logSize: BigInt(size),
        logHash: root,
      } as TheirCheckpoint,
    );
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'TLOG_INCLUSION_PROOF_ERROR' });
    return false;
  }
}

const weHold = (claim: Claim) => verifyInclusion({ ...claim, leafHash: leafOf(claim.entry) });

async function claimsFor(size: number, indexes: readonly number[]): Promise<Claim[]> {
  const root = rootOf(grow(EMPTY_TREE, Buffer.concat(leaves.slice(0, size))).tree);
  const claimFor = async (index: number) => {
    const proof = await proveInclusion(readTile, index, size);
    return { entry: Buffer.from(String(index)), index, size, proof, root };
  };
  return await Promise.all(indexes.map(claimFor));
}

test.each([1, 2, 3, 255, 256, 257, 600, 65_535, 65_536, 65_537])(
  'our proofs hold for Sigstore in a tree of %d entries',
  async (size) => {
    for (const claim of await claimsFor(size, tellingIndexes(size))) {
      expect(sigstoreHolds(claim), `entry ${claim.index}`).toBe(true);
    }
  },
);

test('both say the same of damaged claims', async () => {
  const claims = [
    ...(await claimsFor(7, [0])),
    ...(await claimsFor(257, [256])),
    ...(await claimsFor(600, [300])),
  ];
  const damage = fc.record({
    index: fc.option(fc.nat(700), { nil: undefined }),
    size: fc.option(fc.nat(700), { nil: undefined }),
    entry: fc.option(
      fc.nat(3).map((n) => Buffer.from(String(n))),
      { nil: undefined },
    ),
    drop: fc.nat(12),
    flip: fc.option(fc.nat(12 * 256), { nil: undefined }),
  });
  let refused = 0;
  fc.assert(
    fc.property(fc.constantFrom(...claims), damage, (claim, { index, size, entry, drop, flip }) => {
      const proof = claim.proof.filter((_, i) => i !== drop).map((hash) => Buffer.from(hash));
      const hash = proof[Math.floor((flip ?? 0) / 256)];
      if (flip !== undefined && hash !== undefined) hash[flip % 32]! ^= 1 << (flip % 8);
      const damaged = {
        ...claim,
        proof,
        index: index ?? claim.index,
        size: size ?? claim.size,
        entry: entry ?? claim.entry,
      };
      const holds = sigstoreHolds(damaged);
      expect(weHold(damaged)).toBe(holds);
      if (!holds) refused += 1;
    }),
    { numRuns: 2_000 },
  );
  // Most damages matter, and some do not: a hash that was never there was dropped.
  expect(refused).toBeGreaterThan(1_000);
  expect(refused).toBeLessThan(2_000);
});
