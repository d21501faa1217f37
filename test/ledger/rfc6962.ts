/**
 * RFC 6962, section 2.1, and the verifiers of RFC 9162, section 2.1, written down as they stand there:
 * recursive or step by step, in BigInt, and with nothing of `ledger/`.
 */
import { createHash } from 'node:crypto';

export function digest(...parts: readonly Buffer[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest();
}

export const leafOf = (entry: Buffer) => digest(Buffer.of(0), entry);
const nodeOf = (left: Buffer, right: Buffer) => digest(Buffer.of(1), left, right);

/** Leaf hashes of the entries `0`, `1`, … as decimal text. */
export function numberedLeaves(count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => leafOf(Buffer.from(String(i))));
}

export interface ReferenceTree {
  root(size: number): Buffer;
  /** MTH(D[from:to]). */
  subtree(from: number, to: number): Buffer;
  /** PATH(index, D[size]). */
  inclusion(index: number, size: number): Buffer[];
  /** PROOF(oldSize, D[newSize]). */
  consistency(oldSize: number, newSize: number): Buffer[];
}

/** The tree over the first so many of the leaf hashes. */
export function referenceTree(leaves: readonly Buffer[]): ReferenceTree {
  const known = new Map<string, Buffer>();

  function mth(from: number, to: number): Buffer {
    if (from === to) return digest();
    if (to - from === 1) return leaves[from]!;
    const key = `${from}:${to}`;
    const half = from + splitPoint(to - from);
    const hash = known.get(key) ?? nodeOf(mth(from, half), mth(half, to));
    known.set(key, hash);
    return hash;
  }

  function path(m: number, from: number, to: number): Buffer[] {
    if (to - from === 1) return [];
    const half = from + splitPoint(to - from);
    return m < half
      ? [...path(m, from, half), mth(half, to)]
      : [...path(m, half, to), mth(from, half)];
  }

  function subproof(m: number, from: number, to: number, whole: boolean): Buffer[] {
    if (m === to) return whole ? [] : [mth(from, to)];
    const half = from + splitPoint(to - from);
    return m <= half
      ? [...subproof(m, from, half, whole), mth(half, to)]
      : [...subproof(m, half, to, false), mth(from, half)];
  }

  return {
    root: (size) => mth(0, size),
    subtree: mth,
    inclusion: (index, size) => path(index, 0, size),
    consistency: (oldSize, newSize) => subproof(oldSize, 0, newSize, true),
  };
}

/** The largest power of two smaller than `n`. */
function splitPoint(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/**
 * The root that an inclusion proof leads to, or undefined where the RFC says fail (section 2.1.3.2).
 * `node` stands for the hash of two children.
 */
export function inclusionRoot(
  leaf: Buffer,
  index: bigint,
  size: bigint,
  proof: readonly Buffer[],
  node = nodeOf,
): Buffer | undefined {
  if (index >= size) return undefined;
  let [fn, sn, r] = [index, size - 1n, leaf];
  for (const p of proof) {
    if (sn === 0n) return undefined;
    if ((fn & 1n) === 1n || fn === sn) {
      r = node(p, r);
      while ((fn & 1n) === 0n && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      r = node(r, p);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n ? r : undefined;
}

/** The old and the new root of a consistency proof, or undefined for fail (section 2.1.4.2). */
export function consistencyRoots(
  oldSize: bigint,
  oldRoot: Buffer,
  newSize: bigint,
  proof: readonly Buffer[],
  node = nodeOf,
): { oldRoot: Buffer; newRoot: Buffer } | undefined {
  if (proof.length === 0) return undefined;
  const powerOfTwo = (oldSize & (oldSize - 1n)) === 0n;
  const [first, ...rest] = powerOfTwo ? [oldRoot, ...proof] : proof;
  let [fn, sn] = [oldSize - 1n, newSize - 1n];
  while ((fn & 1n) === 1n) [fn, sn] = [fn >> 1n, sn >> 1n];
  let [fr, sr] = [first!, first!];
  for (const c of rest) {
    if (sn === 0n) return undefined;
    if ((fn & 1n) === 1n || fn === sn) {
      [fr, sr] = [node(c, fr), node(c, sr)];
      while ((fn & 1n) === 0n && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      sr = node(sr, c);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n ? { oldRoot: fr, newRoot: sr } : undefined;
}

/** `start`, and the sizes a tree reaches from there by adding so many leaves each time. */
export function sizesReached(start: number, added: readonly number[]): number[] {
  let size = start;
  return [
    start,
    ...added.map((count) => {
      size += count;
      return size;
    }),
  ];
}

/** The indexes of a tree at which something can go wrong: ends, middles, borders of tiles. */
export function tellingIndexes(size: number): number[] {
  const candidates = [0, 1, 2, 127, 128, 254, 255, 256, 257, 511, 512, 65_535, 65_536];
  const fromTheEnd = [1, 2, 3, 255, 256, 257].map((back) => size - back);
  const inside = [Math.floor(size / 2), Math.floor(size / 3)];
  const all = new Set([...candidates, ...fromTheEnd, ...inside]);
  return [...all].filter((index) => index >= 0 && index < size).sort((a, b) => a - b);
}
