/**
 * One round of the ledger: append what waits, sign the new head, send it away. Safe to repeat from any
 * point: what is appended is found again, and the signer signs the same head with the same bytes.
 */
import type { LogHead } from '../../db/ledger.ts';
import { type ErrorCode, RetentionError } from '../../domain/errors.ts';
import { proveConsistency } from '../../ledger/proofs.ts';
import type { StoreLedger } from '../../stores/postgres/ledger-source.ts';
import type { Delivery } from './delivery.ts';
import { requireLedgerInStep } from './in-step.ts';
import { knownKeys, requireValidSignature } from './known-keys.ts';
import { type LogReader, logReader, type ReadSealed } from './log-reader.ts';
import {
  requireHead,
  type SequenceDependencies,
  type StoreTurn,
  sequenceControl,
  sequenceStore,
} from './sequence.ts';
import type { LedgerSigner } from './signer.ts';

export interface RoundDependencies extends SequenceDependencies {
  readonly signer: LedgerSigner;
  /** Names of the stores of the schedule in force; none before the first. */
  readonly stores: () => Promise<readonly string[]>;
  readonly open: (store: string) => Promise<StoreLedger>;
  readonly readSealed: ReadSealed;
  readonly delivery: Delivery;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface Round {
  readonly size: number;
  /** Entries appended. */
  readonly entries: number;
  /** True when a checkpoint was signed or delivered. */
  readonly signed: boolean;
  /** How long the oldest of what waited had waited, by its store's clock. */
  readonly oldestSeconds: number;
  /** Stores that could not be followed, and why. */
  readonly troubled: readonly TroubledStore[];
}

export interface TroubledStore {
  readonly store: string;
  readonly code: ErrorCode;
}

/** A head is signed again after this long, so that silence can be told from a log that stopped. */
const SIGN_AGAIN_MS = 3_600_000;
/** The round ends when this many appends found more to do: the next one goes on. */
const MOST_APPENDS = 16;

/**
 * Throws `LEDGER_MISSING`, `LEDGER_BEHIND`, `LEDGER_FORKED`, `LEDGER_BROKEN`, `LEDGER_KEY_MISSING`. A store that
 * fails is in the answer: the others go on, and its own guard stops it in time.
 */
export async function ledgerRound(deps: RoundDependencies): Promise<Round> {
  await requireLedgerInStep(deps.ledger, deps.signer);
  let entries = await drainControl(deps);
  let oldestSeconds = 0;
  let signed = false;
  const troubled: TroubledStore[] = [];
  for (const store of await deps.stores()) {
    const followed = await followStore(deps, store);
    entries += followed.entries;
    oldestSeconds = Math.max(oldestSeconds, followed.oldestSeconds);
    signed ||= followed.signed;
    if (followed.code !== undefined) troubled.push({ store, code: followed.code });
  }
  const delivered = await signAndDeliver(deps);
  return {
    size: delivered.size,
    entries,
    signed: signed || delivered.signed,
    oldestSeconds,
    troubled,
  };
}

interface FollowedStore {
  entries: number;
  oldestSeconds: number;
  signed: boolean;
  /** Why the store could not be followed to the end. */
  code?: ErrorCode;
}

/** Appends what a store has, and tells it so once the head that contains it is signed. */
async function followStore(deps: RoundDependencies, name: string): Promise<FollowedStore> {
  const followed: FollowedStore = { entries: 0, oldestSeconds: 0, signed: false };
  const ofStore = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RetentionError)) throw error;
      followed.code = error.code;
      return undefined;
    }
  };
  const turn: StoreTurn = {
    readControl: async () => {
      followed.entries += await drainControl(deps);
    },
    onOldest: (seconds) => {
      followed.oldestSeconds = Math.max(followed.oldestSeconds, seconds);
    },
  };
  const store = await ofStore(() => deps.open(name));
  for (let appends = 0; store !== undefined && appends < MOST_APPENDS; appends += 1) {
    const done = await ofStore(() => sequenceStore(deps, store, turn));
    if (done === undefined) break;
    followed.entries += done.entries;
    if (done.places.batches.length + done.places.events.length > 0) {
      const head = await signTree(deps);
      followed.signed ||= head?.isNew === true;
      if (head !== undefined) await ofStore(() => store.markIntegrated(done.places));
    }
    if (done.drained || followed.code !== undefined) break;
  }
  return followed;
}

async function drainControl(deps: SequenceDependencies): Promise<number> {
  let entries = 0;
  for (;;) {
    const done = await sequenceControl(deps);
    entries += done.entries;
    if (done.drained) return entries;
  }
}

interface SignedTree {
  readonly head: LogHead;
  readonly note: string;
  /** False when it was signed before. */
  readonly isNew: boolean;
}

/** Signs the whole tree; undefined when there is none yet, or another sequencer has a larger one by now. */
async function signTree(deps: RoundDependencies): Promise<SignedTree | undefined> {
  const { ledger } = deps;
  const head = await requireHead(ledger);
  if (head.size === 0) return undefined;
  const newest = await ledger.checkpoint();
  const isFresh = newest !== undefined && deps.now() - Date.parse(newest.signedAt) < SIGN_AGAIN_MS;
  if (newest?.size === head.size && isFresh) return { head, note: newest.note, isNew: false };
  const note = await signUnlessOvertaken(deps, head);
  if (note === undefined) return undefined;
  // The same head has the same signature again: what witnesses added stays until they say it anew.
  const isSame = newest?.size === head.size && newest.note.startsWith(note);
  await ledger.addCheckpoint(head.size, isSame ? newest.note : note);
  return { head, note, isNew: true };
}

async function signAndDeliver(deps: RoundDependencies): Promise<{ size: number; signed: boolean }> {
  const { ledger, delivery } = deps;
  const tree = await signTree(deps);
  if (tree === undefined) return { size: (await requireHead(ledger)).size, signed: false };
  const { head, note, isNew } = tree;
  const { size } = head;
  if (!isNew && !delivery.due(size)) return { size, signed: false };
  const witnessed = await delivery.deliver(note, readerOf(deps, head));
  if (witnessed !== note) await ledger.addCheckpoint(size, witnessed);
  return { size, signed: true };
}

function readerOf({ ledger, readSealed }: RoundDependencies, head: LogHead): LogReader {
  return logReader(ledger, head, readSealed);
}

/** Undefined when another sequencer signed meanwhile: its proof began where ours no longer does. */
async function signUnlessOvertaken(
  deps: RoundDependencies,
  head: LogHead,
): Promise<string | undefined> {
  const { signer } = deps;
  const last = await signer.last();
  if (last !== undefined && last.size > head.size) return undefined;
  const { tile } = readerOf(deps, head);
  const proof = last === undefined ? [] : await proveConsistency(tile, last.size, head.size);
  try {
    const note = await signer.sign(head, proof);
    // Somebody who keeps the ledger with an outdated key folder would publish what nobody accepts.
    requireValidSignature(await knownKeys(deps.ledger), note);
    return note;
  } catch (error) {
    const isFork = error instanceof RetentionError && error.code === 'LEDGER_FORKED';
    if (!isFork || (await signer.last())?.size === last?.size) throw error;
    return undefined;
  }
}
