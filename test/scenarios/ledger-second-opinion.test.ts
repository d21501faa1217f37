/**
 * Two Go libraries that know nothing of Retain, `golang.org/x/mod/sumdb/tlog` and
 * `github.com/transparency-dev/merkle`, say of our proofs and folders what we say. Skipped, with the
 * reason, where there is no Go.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest';
import { verifyConsistency, verifyInclusion } from '../../ledger/merkle.ts';
import { proveConsistency, proveInclusion } from '../../ledger/proofs.ts';
import {
  type Bundle,
  bundlePath,
  bundlesOf,
  encodeBundle,
  newBundles,
  newTiles,
  type Tile,
  tilePath,
  tilesOf,
} from '../../ledger/tiles.ts';
import { inclusionRoot, numberedLeaves, referenceTree, tellingIndexes } from '../ledger/rfc6962.ts';
import { tileStore } from '../ledger/tile-store.ts';

const run = promisify(execFile);
const SOURCE = fileURLToPath(new URL('../ledger/go', import.meta.url));
const MOST = 65_537;
const leaves = numberedLeaves(MOST);
const reference = referenceTree(leaves);
const { readTile } = tileStore(leaves);

let folder = '';
let program = '';
let missing: string | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'retain-second-opinion-'));
  missing = await reasonToSkip();
  if (missing !== undefined) return;
  program = join(folder, 'second-opinion');
  await run('go', ['build', '-o', program, '.'], { cwd: SOURCE });
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** No Go, or no way to its modules. What is there and does not build, or is not what go.sum says, fails. */
async function reasonToSkip(): Promise<string | undefined> {
  try {
    await run('go', ['mod', 'download'], { cwd: SOURCE });
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if ('code' in error && error.code === 'ENOENT') return 'Go is not installed';
    if (/checksum mismatch|SECURITY ERROR/.test(error.message)) throw error;
    return `the Go modules cannot be fetched: ${error.message.trim().split('\n').at(-1)}`;
  }
}

type Request = Readonly<Record<string, unknown>>;

/** What Go says to each request: `agree`, or `disagree: ` and why. */
async function opinions({ skip }: TestContext, requests: readonly Request[]): Promise<string[]> {
  skip(missing !== undefined, missing);
  const asking = run(program, [], { maxBuffer: 2 ** 28 });
  asking.child.stdin?.end(requests.map(toText).join('\n'));
  const { stdout } = await asking;
  return stdout.trimEnd().split('\n');
}

/** Bytes in base64, as Go reads them. */
function toText(request: Request): string {
  return JSON.stringify(request, (_, value: unknown) =>
    isBytes(value) ? Buffer.from(value.data).toString('base64') : value,
  );
}

/** What `Buffer.toJSON` makes of bytes before a replacer sees them. */
function isBytes(value: unknown): value is { readonly data: number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer';
}

async function expectAgreement(context: TestContext, requests: readonly Request[]) {
  const said = await opinions(context, requests);
  expect(said).toHaveLength(requests.length);
  const differing = said.flatMap((opinion, i) =>
    opinion === 'agree' ? [] : [`${opinion} ${toText(requests[i]!)}`],
  );
  expect(differing.slice(0, 3)).toEqual([]);
}

interface Inclusion {
  readonly leafHash: Buffer;
  readonly index: number;
  readonly size: number;
  readonly proof: Buffer[];
  readonly root: Buffer;
}

interface Consistency {
  readonly oldSize: number;
  readonly oldRoot: Buffer;
  readonly newSize: number;
  readonly newRoot: Buffer;
  readonly proof: Buffer[];
}

const asInclusion = (claim: Inclusion) => ({
  check: 'inclusion',
  holds: verifyInclusion(claim),
  ...claim,
});

const asConsistency = (claim: Consistency) => ({
  check: 'consistency',
  holds: verifyConsistency(claim),
  ...claim,
});

async function inclusionOf(index: number, size: number): Promise<Inclusion> {
  const proof = await proveInclusion(readTile, index, size);
  return { leafHash: leaves[index]!, index, size, proof, root: reference.root(size) };
}

async function consistencyOf(oldSize: number, newSize: number): Promise<Consistency> {
  const proof = await proveConsistency(readTile, oldSize, newSize);
  const [oldRoot, newRoot] = [reference.root(oldSize), reference.root(newSize)];
  return { oldSize, oldRoot, newSize, newRoot, proof };
}

const sizes = [1, 2, 3, 4, 5, 7, 8, 255, 256, 257, 511, 512, 513, 600, 65_535, 65_536, MOST];

async function soundClaims() {
  const inclusions: Inclusion[] = [];
  const consistencies: Consistency[] = [];
  for (const size of sizes) {
    for (const index of tellingIndexes(size)) {
      inclusions.push(await inclusionOf(index, size));
      consistencies.push(await consistencyOf(index + 1, size));
    }
  }
  return { inclusions, consistencies };
}

test('our proofs hold for both, from the tree of one entry to that of 65,537', async (context) => {
  const { inclusions, consistencies } = await soundClaims();
  const requests = [...inclusions.map(asInclusion), ...consistencies.map(asConsistency)];
  expect(requests.filter(({ holds }) => !holds)).toEqual([]);
  await expectAgreement(context, requests);
});

test('6,000 damaged claims hold for both exactly when they hold for us', async (context) => {
  const { inclusions, consistencies } = await soundClaims();
  const damage = fc.record({
    drop: fc.nat(60),
    again: fc.nat(60),
    cut: fc.nat(60),
    part: fc.nat(60),
    bit: fc.nat(255),
    left: fc.constantFrom(-1, 0, 0, 0, 1, 2, 256),
    right: fc.constantFrom(-1, 0, 0, 0, 1, 2, 256),
  });
  type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;
  const damaged = (hashes: readonly Buffer[], { drop, again, cut, part, bit }: Damage) =>
    hashes
      .filter((_, i) => i !== drop)
      .flatMap((hash, i) => (i === again ? [hash, hash] : [hash]))
      .map((hash, i) => Buffer.from(hash.subarray(i === cut ? 1 : 0)))
      .map((hash, i) => {
        if (i === part) hash[bit % hash.length]! ^= 1 << (bit % 8);
        return hash;
      });
  const sample = <T>(claims: readonly T[]) =>
    fc.sample(fc.tuple(fc.constantFrom(...claims), damage), { numRuns: 3_000, seed: 6962 });
  const requests = [
    ...sample(inclusions).map(([claim, how]) => {
      const [leafHash, root, ...proof] = damaged([claim.leafHash, claim.root, ...claim.proof], how);
      const index = Math.max(0, claim.index + how.left);
      const size = Math.max(0, claim.size + how.right);
      return asInclusion({
        leafHash: leafHash ?? claim.root,
        index,
        size,
        root: root ?? claim.leafHash,
        proof,
      });
    }),
    ...sample(consistencies).map(([claim, how]) => {
      const hashes = [claim.oldRoot, claim.newRoot, ...claim.proof];
      const [oldRoot, newRoot, ...proof] = damaged(hashes, how);
      const oldSize = Math.max(0, claim.oldSize + how.left);
      const newSize = Math.max(0, claim.newSize + how.right);
      return asConsistency({
        oldSize,
        newSize,
        oldRoot: oldRoot ?? claim.newRoot,
        newRoot: newRoot ?? claim.oldRoot,
        proof,
      });
    }),
  ];
  const held = requests.filter(({ holds }) => holds).length;
  expect(held).toBeGreaterThan(100);
  expect(held).toBeLessThan(5_000);
  await expectAgreement(context, requests);
});

test('indexes and sizes up to 2^53 mean the same to both', async (context) => {
  const all = numberedLeaves(56);
  const pairs = fc.sample(fc.tuple(fc.maxSafeNat(), fc.maxSafeNat(), fc.nat(40)), {
    numRuns: 200,
    seed: 9162,
  });
  const requests = pairs.flatMap(([a, b, shift]) => {
    const [index, size] = [a, b].map((n) => Math.floor(n / 2 ** shift)).sort((x, y) => x - y);
    const leafHash = all[0]!;
    return all.flatMap((_, length) => {
      const proof = all.slice(0, length);
      const root = inclusionRoot(leafHash, BigInt(index!), BigInt(size!), proof);
      return root === undefined
        ? []
        : [asInclusion({ leafHash, index: index!, size: size!, proof, root })];
    });
  });
  expect(requests.length).toBeGreaterThan(180);
  expect(requests.filter(({ holds }) => !holds)).toEqual([]);
  await expectAgreement(context, requests);
});

test('a publisher writes the files that sumdb would', async (context) => {
  const size = fc.oneof(fc.nat(1_000), fc.nat(200_000), fc.constantFrom(...sizes));
  const pairs = fc.sample(fc.tuple(size, size), { numRuns: 300, seed: 256 });
  const far = [70_000_000_000, 2 ** 53 - 2].map((n) => [n, n + 1] as const);
  const requests = [...pairs, ...far].map(([a, b]) => {
    const [oldSize, newSize] = [Math.min(a, b), Math.max(a, b)];
    const tiles = [...newTiles(oldSize, newSize)].map(tilePath);
    const bundles = [...newBundles(oldSize, newSize)].map(bundlePath);
    return { check: 'new-files', oldSize, newSize, paths: [...tiles, ...bundles] };
  });
  await expectAgreement(context, requests);
});

/** Publishes the first so many entries as files. */
async function publish(size: number): Promise<string> {
  const home = await mkdtemp(join(folder, `${size}-`));
  const write = async (path: string, bytes: Buffer) => {
    await mkdir(dirname(join(home, path)), { recursive: true });
    await writeFile(join(home, path), bytes);
  };
  for (const tile of tilesOf(size)) await write(tilePath(tile), await hashesOf(tile));
  for (const bundle of bundlesOf(size)) await write(bundlePath(bundle), bundleOf(bundle));
  return home;
}

const hashesOf = ({ level, index, width }: Tile) => readTile(level, index, width);

const bundleOf = ({ index, width }: Bundle) =>
  encodeBundle(Array.from({ length: width }, (_, i) => Buffer.from(String(index * 256 + i))));

test.for([1, 255, 256, 257, 600, 65_535, 65_536, MOST])(
  'a folder of %d entries is whole for both, and sumdb makes the same proofs from it',
  async (size, context) => {
    const published = { folder: await publish(size), size, root: reference.root(size) };
    const requests: Request[] = [{ check: 'published', ...published }];
    for (const index of tellingIndexes(size)) {
      const proof = await proveInclusion(readTile, index, size);
      requests.push({ check: 'prove-inclusion', ...published, index, proof });
      const older = await proveConsistency(readTile, index + 1, size);
      requests.push({ check: 'prove-consistency', ...published, oldSize: index + 1, proof: older });
    }
    await expectAgreement(context, requests);
  },
);

// Twin: an opinion that always agrees would be worth nothing.
test('Go disagrees with every claim that is turned round', async (context) => {
  const home = await publish(300);
  const [root, other] = [reference.root(300), reference.root(299)];
  const inclusion = asInclusion(await inclusionOf(299, 300));
  const consistency = asConsistency(await consistencyOf(299, 300));
  const proof = await proveInclusion(readTile, 298, 300);
  const said = await opinions(context, [
    { ...inclusion, holds: false },
    { ...inclusion, root: other },
    { ...consistency, holds: false },
    { ...consistency, oldRoot: root },
    { check: 'new-files', oldSize: 0, newSize: 1, paths: ['tile/0/000.p/1'] },
    { check: 'published', folder: home, size: 300, root: other },
    { check: 'published', folder: home, size: 299, root: other },
    { check: 'prove-inclusion', folder: home, size: 300, root, index: 299, proof },
    { check: 'prove-consistency', folder: home, size: 300, root, oldSize: 299, proof },
  ]);
  expect([inclusion.holds, consistency.holds]).toEqual([true, true]);
  expect(said).toHaveLength(9);
  expect(said.filter((opinion) => !opinion.startsWith('disagree: '))).toEqual([]);
});
