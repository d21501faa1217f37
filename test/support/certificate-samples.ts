/** A log with records whose keys are known, and certificates of them made the plain way. */
import type {
  EvidenceJson,
  OpenedName,
  RecordCertificate,
  RunCertificate,
} from '../../ledger/certificate/format.ts';
import { signCertificate, type Unsigned } from '../../ledger/certificate/sign.ts';
import type { SigningKey } from '../../ledger/ed25519.ts';
import { entrySha256 } from '../../ledger/entry.ts';
import { HASH_BYTES, sha256 } from '../../ledger/hashing.ts';
import { nameReference } from '../../ledger/names.ts';
import type { Policy } from '../../ledger/policy.ts';
import { proveInclusion } from '../../ledger/proofs.ts';
import { recordEntry } from '../../ledger/record-entries.ts';
import { encodeKey, packReferences, reference, runKey } from '../../ledger/references.ts';
import { tilePath } from '../../ledger/tiles.ts';
import { formatTlogProof } from '../../ledger/tlog-proof.ts';
import { recordWords, runWords } from './certificate-words.ts';
import { type BuiltLog, buildLog, type PublishOptions, WITNESS } from './log-builder.ts';
import {
  type Body,
  type Change,
  digest,
  logTeller,
  type Piece,
  type Teller,
  type ToldRun,
  testKey,
} from './log-teller.ts';

export type UnsignedRecord = Unsigned<RecordCertificate>;
export type UnsignedRun = Unsigned<RunCertificate>;

export interface CertificateSamples {
  readonly log: BuiltLog;
  readonly policy: Policy;
  readonly policyText: string;
  readonly teller: Teller;
  readonly record: UnsignedRecord;
  readonly run: UnsignedRun;
  /** As the organisation signs: with a key that came after the run. */
  sign(unsigned: UnsignedRecord | UnsignedRun, key?: SigningKey): Buffer;
  /** The certificate of another of the run's records, by position in all of them. */
  recordOf(key: readonly string[]): Promise<UnsignedRecord>;
  /** Index of the first entry that fits, and its proof. */
  prove(kind: string, nth?: number): Promise<EvidenceJson>;
}

export interface SampleOptions {
  /** What the sequencer's lies are; see `Change`. */
  readonly change?: Change;
  readonly publish?: Partial<PublishOptions>;
  /** Shows a revoked key among those of the certificates. */
  readonly revoked?: boolean;
  /** Tells a second genesis, and shows it among the keys. */
  readonly secondGenesis?: boolean;
  /** Replaces and revokes the worker key after the first batch. */
  readonly replacedInRun?: boolean;
  /** Approves the plan when its run is over. */
  readonly lateApproval?: boolean;
  /** Puts a record before or behind the run that names its second header, which does not count it. */
  readonly stray?: 'before' | 'behind';
  /** Tells of this log key, and that the first one is revoked, and shows both. */
  readonly logRotatedTo?: SigningKey;
  readonly people?: { readonly requestedBy?: string; readonly decidedBy?: string };
}

/** Named as valid before the run, and signs nothing. */
export const SPARE_KEY = testKey('worker', 3);
/** Revoked before the run. */
export const GONE_KEY = testKey('worker', 4);

/** Replaces the first one in the midst of a run, when a test is about that. */
const RUN_KEY = testKey('worker', 5);
/** Signs after the run, and the certificates. */
const NEXT_KEY = testKey('worker', 2);

/** `["4321"]` is in the second batch, between others. */
export const KEY = ['4321'];
const KEYS_OF_BATCHES = [
  Array.from({ length: 300 }, (_, i) => [String(1_000 + i)]),
  Array.from({ length: 40 }, (_, i) => [String(4_300 + i)]),
  Array.from({ length: 5 }, (_, i) => [String(9_000 + i)]),
];
/** Its record is in no batch; see `stray`. */
export const STRAY_KEY = ['777777'];
const STRAY_OF = 1;
const EPOCH_KEY = Buffer.alloc(32, 0x5a);
const NAMES_KEY = Buffer.from(digest('names 1'), 'hex');

interface Told {
  readonly pieces: readonly Piece[];
  readonly run: ToldRun;
  readonly headers: readonly Piece[];
}

/** Three batches in two lanes; before and after them other runs, and a worker key that is replaced. */
function tell(teller: Teller, options: SampleOptions): Told {
  const { lateApproval = false, secondGenesis = false } = options;
  const { run, piece } = teller.plan([{ class: 'customer', destroys: 345 }]);
  const before = [
    teller.genesis(),
    teller.scheduleVersion(1),
    teller.key('worker', SPARE_KEY, 'active'),
    teller.key('worker', GONE_KEY, 'active'),
    teller.key('worker', GONE_KEY, 'revoked'),
    ...(secondGenesis ? [teller.genesis()] : []),
    piece,
    ...(lateApproval ? [] : [teller.decide(run)]),
    teller.openRun(run),
    teller.epoch('customer/2026Q4'),
  ];
  const { pieces: during, headers } = batches(teller, run, options);
  const close = teller.closeRun(run);
  const late = lateApproval ? [teller.decide(run)] : [];
  const nextKey = teller.key('worker', NEXT_KEY, 'active');
  teller.signWith(NEXT_KEY);
  const other = teller.plan([{ class: 'customer', destroys: 9 }]);
  const after = [close, ...late, nextKey, other.piece, teller.decide(other.run)];
  const last = [
    teller.openRun(other.run),
    teller.batch(other.run, { records: 9 }),
    teller.closeRun(other.run),
  ];
  const logKeys = rotatedLog(teller, options);
  const stray = strayOf(run, headers[STRAY_OF]!);
  const [first, end] = [options.stray === 'before', options.stray === 'behind'];
  const story = [...(first ? [stray] : []), ...during, ...(end ? [stray] : [])];
  return { pieces: [...before, ...story, ...after, ...last, ...logKeys], run, headers };
}

function rotatedLog(teller: Teller, { logRotatedTo }: SampleOptions): Piece[] {
  if (logRotatedTo === undefined) return [];
  return [teller.logKey(logRotatedTo, 'active'), teller.logKey(teller.log, 'revoked')];
}

function strayOf({ run }: ToldRun, header: Piece): Piece {
  const { ref } = reference(runKey(EPOCH_KEY, run), encodeKey(STRAY_KEY));
  return { kind: 'batch', entry: recordEntry(entrySha256(header.entry), ref) };
}

function batches(
  teller: Teller,
  run: ToldRun,
  { replacedInRun = false }: SampleOptions,
): { pieces: Piece[]; headers: Piece[] } {
  const pieces: Piece[] = [];
  const headers: Piece[] = [];
  for (const [i, keys] of KEYS_OF_BATCHES.entries()) {
    const batch = teller.batch(run, { lane: i === 1 ? 2 : 1, records: keys.length });
    const header = { ...batch, refs: refsOf(run.run, keys) };
    headers.push(header);
    pieces.push(header);
    if (i > 0 || !replacedInRun) continue;
    const old = teller.worker();
    pieces.push(teller.key('worker', RUN_KEY, 'active'));
    teller.signWith(RUN_KEY);
    pieces.push(teller.key('worker', old, 'revoked'));
  }
  return { pieces, headers };
}

export async function certificateSamples(options: SampleOptions = {}): Promise<CertificateSamples> {
  const teller = logTeller({ change: (kind, body, nth) => truth(kind, body, nth, options.change) });
  const told = tell(teller, options);
  const log = await buildLog(told.pieces, {
    logKey: teller.log,
    origin: teller.origin,
    witnesses: [WITNESS],
    ...options.publish,
  });
  const { entries, indexOf } = placesOf(told.pieces);
  const proof = async (index: number): Promise<EvidenceJson> => {
    const hashes = await proveInclusion((...tile) => readTile(log, tile), index, log.head.size);
    const text = formatTlogProof({ index, hashes, checkpoint: log.checkpoint });
    return { entry: entries[index]!.toString('base64'), tlog_proof: text.toString('utf8') };
  };
  const prove = (kind: string, nth = 1) => {
    const pieces = told.pieces.filter((piece) => piece.kind === kind);
    return proof(indexOf.get(pieces[nth - 1]!)!);
  };
  const common = {
    keys: await Promise.all(keyEntries(options).map(([kind, nth]) => prove(kind, nth))),
    tsr: null,
  };
  const approval = await prove('approval');
  const people = {
    requested_by: opened(options.people?.requestedBy ?? 'ann'),
    decided_by: opened(options.people?.decidedBy ?? 'bob'),
  };
  const recordOf = async (key: readonly string[]): Promise<UnsignedRecord> => {
    const found = told.headers.find((_, i) => KEYS_OF_BATCHES[i]!.some(([id]) => id === key[0]));
    const header = found ?? told.headers[STRAY_OF]!;
    const { salt, ref } = reference(runKey(EPOCH_KEY, told.run.run), encodeKey(key));
    const entry = recordEntry(entrySha256(header.entry), ref);
    const index = entries.findIndex((one) => one.equals(entry));
    return {
      kind: 'record',
      record: { class: 'customer', pk: key },
      opening: { salt: salt.toString('hex') },
      ...(await proof(index)),
      batch_header: await proof(indexOf.get(header)!),
      approval,
      people,
      ...common,
      words: recordWords(),
    };
  };
  const run: UnsignedRun = {
    kind: 'run',
    run: told.run.run,
    plan: await prove('plan'),
    approval,
    open: await prove('run.open'),
    close: await prove('run.close'),
    // By step, lane and place in the lane.
    batch_header_entries: [0, 2, 1].map((i) => told.headers[i]!.entry.toString('base64')),
    people: { ...people, opened_by: opened('ann') },
    ...common,
    words: runWords(),
  };
  return {
    log,
    policy: log.policy,
    policyText: log.policyText,
    teller,
    record: await recordOf(KEY),
    run,
    sign: (unsigned, key = teller.worker()) => signCertificate(unsigned, key),
    recordOf,
    prove,
  };
}

/** Those that signed, and with them one that was revoked when a test is about that. */
function keyEntries(options: SampleOptions): (readonly [string, number])[] {
  const { revoked = false, replacedInRun = false, secondGenesis = false } = options;
  const rotated = options.logRotatedTo === undefined ? [] : [5, 6];
  const before = [1, ...(revoked ? [2, 3] : [])];
  const after = [4, ...(replacedInRun ? [5, 6] : []), ...rotated];
  return [
    ['genesis', 1],
    ...before.map((nth) => ['key', nth] as const),
    ...(secondGenesis ? [['genesis', 2] as const] : []),
    ...after.map((nth) => ['key', nth] as const),
  ];
}

/** The headers of the run are about records whose keys are known here. */
function truth(kind: string, body: Body, nth: number, change: Change | undefined): Body {
  const keys = kind === 'batch' ? KEYS_OF_BATCHES[nth - 1] : undefined;
  const items = keys && itemsOf(body['run'] as string, keys);
  const told = items === undefined ? body : { ...body, items };
  return change === undefined ? told : change(kind as Parameters<Change>[0], told, nth);
}

function itemsOf(run: string, keys: readonly (readonly string[])[]): Body {
  const refs = refsOf(run, keys);
  const count = refs.length / HASH_BYTES;
  return { count, len: HASH_BYTES, order: 'asc', sha256: sha256(refs).toString('hex') };
}

function refsOf(run: string, keys: readonly (readonly string[])[]): Buffer {
  return packReferences(runKey(EPOCH_KEY, run), keys);
}

function placesOf(pieces: readonly Piece[]): { entries: Buffer[]; indexOf: Map<Piece, number> } {
  const entries: Buffer[] = [];
  const indexOf = new Map<Piece, number>();
  for (const piece of pieces) {
    indexOf.set(piece, entries.length);
    entries.push(piece.entry);
    const refs = piece.refs ?? Buffer.alloc(0);
    for (let at = 0; at < refs.length; at += HASH_BYTES) {
      entries.push(recordEntry(entrySha256(piece.entry), refs.subarray(at, at + HASH_BYTES)));
    }
  }
  return { entries, indexOf };
}

function readTile(log: BuiltLog, [level, index, width]: readonly number[]): Promise<Buffer> {
  const path = tilePath({ level: level ?? 0, index: index ?? 0, width: width ?? 0 });
  return Promise.resolve(log.files.get(path)!);
}

function opened(name: string): OpenedName {
  return { name, salt: nameReference(NAMES_KEY, name).salt.toString('hex') };
}
