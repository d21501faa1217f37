/**
 * RFC 6962 trees: the root over hashes, and the two proofs that anyone can check with SHA-256 alone.
 *
 * Sizes and indexes are integers below 2^53. No bit operators: those of JavaScript end at 32 bits.
 */
import { invariant } from '../domain/errors.ts';
import { EMPTY_ROOT, HASH_BYTES, nodeHash, toParents } from './hashing.ts';

/**
 * A node of a tree: the subtree over `2^height` leaves from leaf `index · 2^height` on; over fewer
 * where the tree ends before.
 */
export interface TreeNode {
  readonly height: number;
  readonly index: number;
}

/** A node whose hash a proof names, and on which side of the way up to the root it stands. */
export interface Sibling extends TreeNode {
  readonly side: 'left' | 'right';
}

/** Claims that the tree of `size` leaves with this root has this leaf at `index`. */
export interface InclusionClaim {
  readonly leafHash: Buffer;
  readonly index: number;
  readonly size: number;
  /** From the leaf up. */
  readonly proof: readonly Buffer[];
  readonly root: Buffer;
}

/** Claims that the old tree is how the new one began. */
export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly oldRoot: Buffer;
  readonly newSize: number;
  readonly newRoot: Buffer;
  /** From the leaves up. */
  readonly proof: readonly Buffer[];
}

/**
 * MTH (RFC 6962, section 2.1) over packed hashes of leaves, or of complete subtrees of one height;
 * the last may be incomplete. `EMPTY_ROOT` for none. Throws `INVARIANT_BROKEN` when a hash is cut.
 */
export function subtreeRoot(hashes: Buffer): Buffer {
  invariant(hashes.length % HASH_BYTES === 0, 'Packed hashes have 32 bytes each.');
  if (hashes.length === 0) return EMPTY_ROOT;
  const level = Buffer.from(hashes);
  let count = hashes.length / HASH_BYTES;
  while (count > 1) count = toParents(level, count);
  return Buffer.from(level.subarray(0, HASH_BYTES));
}

/**
 * The siblings on the way from `node` up to the root of a tree of `size` leaves, lowest first. A last
 * node without a sibling is its own parent. `node` is one of that tree.
 */
export function siblingsAbove(node: TreeNode, size: number): Sibling[] {
  const siblings: Sibling[] = [];
  let { height, index } = node;
  let last = Math.floor((size - 1) / 2 ** height);
  while (last > 0) {
    if (index % 2 === 1) siblings.push({ height, index: index - 1, side: 'left' });
    else if (index < last) siblings.push({ height, index: index + 1, side: 'right' });
    index = Math.floor(index / 2);
    last = Math.floor(last / 2);
    height += 1;
  }
  return siblings;
}

/**
 * The largest complete subtree that ends with the last of `size` leaves, at least one. It is in every
 * later tree too: there a consistency proof begins. With index 0 it is the whole tree.
 */
export function lastCompleteNode(size: number): TreeNode {
  let [height, index] = [0, size - 1];
  while (index % 2 === 1) {
    index = (index - 1) / 2;
    height += 1;
  }
  return { height, index };
}

/**
 * Whether the proof holds (RFC 6962, section 2.1.1; RFC 9162, section 2.1.3.2). Anything that is no
 * proof at all is false as well: an index outside the tree, a proof too short or too long, a hash
 * that has not 32 bytes, a number that is not exact. Never throws.
 */
export function verifyInclusion(claim: InclusionClaim): boolean {
  const { leafHash, index, size, proof, root } = claim;
  if (!isSize(size) || !Number.isSafeInteger(index) || index < 0 || index >= size) return false;
  const siblings = siblingsAbove({ height: 0, index }, size);
  if (proof.length !== siblings.length || ![leafHash, root, ...proof].every(isHash)) return false;
  return climb(leafHash, siblings, proof).equals(root);
}

/**
 * Whether the proof holds (RFC 6962, section 2.1.2; RFC 9162, section 2.1.4.2). Trees of equal size
 * are consistent when their roots are equal and the proof is empty. False, never an error, for what is
 * no proof at all, and for size 0: that the empty tree came first needs no proof.
 */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { oldSize, oldRoot, newSize, newRoot, proof } = claim;
  if (!isSize(oldSize) || !isSize(newSize) || oldSize > newSize) return false;
  if (!isHash(oldRoot) || !isHash(newRoot)) return false;
  if (oldSize === newSize) return proof.length === 0 && oldRoot.equals(newRoot);
  const node = lastCompleteNode(oldSize);
  const siblings = siblingsAbove(node, newSize);
  // An old tree that is one complete subtree: its hash is the old root and stands in no proof.
  const hashes = node.index === 0 ? [oldRoot, ...proof] : proof;
  const [start, ...path] = hashes;
  if (start === undefined || path.length !== siblings.length || !hashes.every(isHash)) return false;
  // What stands to the right came later: the old tree had only what stands to the left.
  const isLeft = ({ side }: Sibling) => side === 'left';
  const olderPath = path.filter((_, i) => siblings[i]?.side === 'left');
  return (
    climb(start, siblings.filter(isLeft), olderPath).equals(oldRoot) &&
    climb(start, siblings, path).equals(newRoot)
  );
}

function climb(start: Buffer, siblings: readonly Sibling[], path: readonly Buffer[]): Buffer {
  return path.reduce(
    (hash, sibling, i) =>
      siblings[i]?.side === 'left' ? nodeHash(sibling, hash) : nodeHash(hash, sibling),
    start,
  );
}

function isSize(size: number): boolean {
  return Number.isSafeInteger(size) && size > 0;
}

function isHash(hash: Buffer): boolean {
  return hash.length === HASH_BYTES;
}
