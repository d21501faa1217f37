/** Well-formed logs of any size, in memory or in a folder, and their checkpoints. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatCheckpoint, type TreeHead } from '../../ledger/checkpoint.ts';
import { cosign } from '../../ledger/cosignature.ts';
import type { SigningKey } from '../../ledger/ed25519.ts';
import { entrySha256 } from '../../ledger/entry.ts';
import { HASH_BYTES, leafHash } from '../../ledger/hashing.ts';
import { formatNote, signNote } from '../../ledger/note.ts';
import { formatVkey, NOTE_SIGNATURE } from '../../ledger/note-key.ts';
import { EMPTY_TREE, type FullTile, grow, type OpenTree, rootOf } from '../../ledger/open-tree.ts';
import type { Policy } from '../../ledger/policy.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import { batchLeafHashes, recordEntry } from '../../ledger/record-entries.ts';
import { bundlePath, encodeBundle, hashesAt, TILE_WIDTH, tilePath } from '../../ledger/tiles.ts';
import type { LogSource } from '../../ledger/verify/log-source.ts';
import {
  EPOCH,
  logTeller,
  type Piece,
  type Teller,
  type TellerOptions,
  testKey,
} from './log-teller.ts';

export interface Witness {
  readonly name: string;
  readonly key: SigningKey;
}

/** Where the files of a log go. */
export type Sink = (path: string, bytes: Buffer) => void | Promise<void>;

export interface PublishOptions {
  readonly logKey: SigningKey;
  readonly origin: string;
  readonly witnesses?: readonly Witness[];
  /** When the witnesses cosign; seconds since 1970. */
  readonly cosignedAt?: number;
}

/** A published log in memory. Files may be changed before they are read. */
export interface BuiltLog {
  readonly files: Map<string, Buffer>;
  readonly source: LogSource;
  readonly policy: Policy;
  readonly policyText: string;
  readonly head: TreeHead;
  readonly checkpoint: Buffer;
}

export interface RunSpec {
  readonly batches: number;
  readonly records: number;
  readonly lanes?: number;
}

/** Shortly after everything that a teller tells; seconds since 1970. */
export const NOW = Date.parse('2026-11-21T12:00:00Z') / 1_000;
export const WITNESS: Witness = { name: 'witness.example/w1', key: testKey('log', 900) };

/** Writes every file of the log and answers its head. One piece is in memory at a time. */
export async function publish(
  pieces: Iterable<Piece>,
  options: PublishOptions,
  sink: Sink,
): Promise<TreeHead & { readonly checkpoint: Buffer }> {
  let tree: OpenTree = EMPTY_TREE;
  let pending: Buffer[] = [];
  let bundles = 0;
  const append = async (leaves: Buffer): Promise<void> => {
    const grown = grow(tree, leaves);
    tree = grown.tree;
    for (const tile of grown.full)
      await sink(tilePath({ ...tile, width: TILE_WIDTH }), tile.hashes);
  };
  for (const piece of pieces) {
    await append(leavesOf(piece));
    for (const entry of entriesOf(piece)) {
      pending.push(entry);
      if (pending.length < TILE_WIDTH) continue;
      await sink(bundlePath({ index: bundles, width: TILE_WIDTH }), encodeBundle(pending));
      bundles += 1;
      pending = [];
    }
  }
  if (pending.length > 0) {
    await sink(bundlePath({ index: bundles, width: pending.length }), encodeBundle(pending));
  }
  for (const tile of openTiles(tree)) {
    await sink(tilePath({ ...tile, width: tile.hashes.length / HASH_BYTES }), tile.hashes);
  }
  const head = { origin: options.origin, size: tree.size, root: rootOf(tree) };
  const checkpoint = signedCheckpoint(head, options);
  await sink('checkpoint', checkpoint);
  return { ...head, checkpoint };
}

/** Size and root of the log of these entries. */
export function headOf(pieces: Iterable<Piece>): { readonly size: number; readonly root: Buffer } {
  let tree: OpenTree = EMPTY_TREE;
  for (const piece of pieces) tree = grow(tree, leavesOf(piece)).tree;
  return { size: tree.size, root: rootOf(tree) };
}

/** The checkpoint note of a head, true or not. */
export function signedCheckpoint(head: TreeHead, options: PublishOptions): Buffer {
  const text = formatCheckpoint(head);
  const { witnesses = [], cosignedAt = NOW } = options;
  return formatNote(text, [
    signNote(text, options.logKey, options.origin),
    ...witnesses.map(({ key, name }) => cosign(text, key, name, cosignedAt)),
  ]);
}

/** The policy that trusts this log key and these witnesses, all of which must cosign. */
export function policyFor(options: PublishOptions): string {
  const { origin, logKey, witnesses = [] } = options;
  const names = witnesses.map((_, i) => `w${i + 1}`);
  return [
    `log ${formatVkey(origin, logKey.publicKey, NOTE_SIGNATURE.ed25519)}`,
    ...witnesses.map(
      ({ name, key }, i) =>
        `witness w${i + 1} ${formatVkey(name, key.publicKey, NOTE_SIGNATURE.cosignature)}`,
    ),
    ...(names.length > 0 ? [`group all-witnesses all ${names.join(' ')}`] : []),
    `quorum ${names.length > 0 ? 'all-witnesses' : 'none'}`,
    '',
  ].join('\n');
}

/** Publishes into memory. */
export async function buildLog(
  pieces: Iterable<Piece>,
  options: PublishOptions,
): Promise<BuiltLog> {
  const files = new Map<string, Buffer>();
  const { checkpoint, ...head } = await publish(pieces, options, (path, bytes) => {
    files.set(path, Buffer.from(bytes));
  });
  const policyText = policyFor(options);
  const policy = parsePolicy(Buffer.from(policyText));
  return { files, source: memorySource(files), policy, policyText, head, checkpoint };
}

export function memorySource(files: ReadonlyMap<string, Buffer>): LogSource {
  return { read: (path, maxBytes) => Promise.resolve(files.get(path)?.subarray(0, maxBytes + 1)) };
}

export function folderSink(folder: string): Sink {
  const made = new Set<string>();
  return async (path, bytes) => {
    const file = join(folder, path);
    if (!made.has(dirname(file))) await mkdir(dirname(file), { recursive: true });
    made.add(dirname(file));
    await writeFile(file, bytes);
  };
}

/**
 * Several runs and lanes, holds that come and go while a run works, a rejected plan and one without a
 * decision, a worker key and a log key that are replaced: everything that a log of ours can say but
 * `hold.freeze` and `replay`.
 */
export function* story(options: TellerOptions = {}, teller = logTeller(options)): Generator<Piece> {
  yield teller.genesis();
  yield teller.scheduleVersion(1);
  yield teller.tell('guard.install', { guard_version: 4 });
  yield teller.placeHold();
  yield* run(teller, { batches: 4, records: 70, lanes: 2 }, function* () {
    yield teller.placeHold();
  });
  yield teller.releaseHold(1);
  const next = testKey('worker', 2_000);
  yield teller.key('worker', next, 'active');
  const before = teller.worker();
  teller.signWith(next);
  yield teller.key('worker', before, 'revoked');
  yield teller.logKey(testKey('log', 2_001), 'active');
  yield teller.scheduleVersion(2);
  const rejected = teller.plan([{ class: 'customer', destroys: 5 }], 2);
  yield rejected.piece;
  yield teller.decide(rejected.run, 'reject');
  yield* run(teller, { batches: 3, records: 110 }, undefined, 2);
  yield teller.plan([{ class: 'customer', destroys: 9 }], 2).piece;
  yield teller.releaseHold(2);
  yield teller.epoch(EPOCH, 'destroy');
  yield teller.tell('guard.remove', { guard_version: 4 });
}

/** Plan, approval, opening, batches and closing; `meanwhile` comes after the first batch. */
export function* run(
  teller: Teller,
  { batches, records, lanes = 1 }: RunSpec,
  meanwhile?: () => Generator<Piece>,
  scheduleVersion = 1,
): Generator<Piece> {
  const destroys = batches * records;
  const { run: told, piece } = teller.plan([{ class: 'customer', destroys }], scheduleVersion);
  yield piece;
  yield teller.decide(told);
  yield teller.openRun(told);
  if (!teller.hasEpoch(EPOCH)) yield teller.epoch(EPOCH);
  for (let i = 0; i < batches; i += 1) {
    yield teller.batch(told, { lane: 1 + (i % lanes), records });
    if (i === 0 && meanwhile) yield* meanwhile();
  }
  yield teller.closeRun(told);
}

/** One run of so many batches: for speed and memory. */
export function* longStory(
  batches: number,
  records: number,
  teller = logTeller(),
): Generator<Piece> {
  yield teller.genesis();
  yield teller.scheduleVersion(1);
  yield* run(teller, { batches, records, lanes: 4 });
}

function leavesOf({ entry, refs }: Piece): Buffer {
  return refs === undefined ? leafHash(entry) : batchLeafHashes(entry, refs);
}

function* entriesOf({ entry, refs }: Piece): Generator<Buffer> {
  yield entry;
  if (refs === undefined) return;
  const headerSha256 = entrySha256(entry);
  for (let at = 0; at < refs.length; at += HASH_BYTES) {
    yield recordEntry(headerSha256, refs.subarray(at, at + HASH_BYTES));
  }
}

function openTiles({ size, open }: OpenTree): FullTile[] {
  return open.flatMap((hashes, level) =>
    hashes.length === 0
      ? []
      : [{ level, index: Math.floor(hashesAt(level, size) / TILE_WIDTH), hashes }],
  );
}
