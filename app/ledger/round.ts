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
import { type LogReader, logReader, type ReadSealed } from './log-reader.ts';
import {
  requireHead,
  type SequenceDependencies,
  sequenceControl,
  sequenceStore,
} from './sequence.ts';
import type { LedgerSigner } from './signer.ts';

export interface RoundDependencies extends SequenceDependencies {
  readonly signer: LedgerSigner;
  /** Names of the stores of the schedule in force; none before the first. */
  readonly stores: () => Promise<readonly string[]>;
  readonly open: (store: string) => Promise<StoreLedger>;
  /** Hears why a store could not be asked: the others go on, and its own guard stops it in time. */
  readonly onStoreFailure: (store: string, code: ErrorCode) => void;
  readonly readSealed: ReadSealed;
  readonly delivery: Delivery;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface Round {
  readonly size: number;
  /** Entries appended. */
  readonly entries: number;
  /** True when a checkpoint was signed and delivered. */
  readonly signed: boolean;
  /** How long the oldest of what waited had waited, by its store's clock. */
  readonly oldestSeconds: number;
}

/** A head is signed again after this long, so that silence can be told from a log that stopped. */
const SIGN_AGAIN_MS = 3_600_000;
/** The round ends when this many appends found more to do: the next one goes on. */
const MOST_APPENDS = 16;

/** Throws `LEDGER_MISSING`, `LEDGER_BEHIND`, `LEDGER_FORKED`, `LEDGER_KEY_MISSING`; see `onStoreFailure`. */
export async function ledgerRound(deps: RoundDependencies): Promise<Round> {
  await requireLedgerInStep(deps.ledger, deps.signer);
  let entries = await drainControl(deps);
  let oldestSeconds = 0;
  for (const store of await deps.stores()) {
    const done = await appendAll(deps, store);
    entries += done.entries;
    oldestSeconds = Math.max(oldestSeconds, done.oldestSeconds);
  }
  return { ...(await signHead(deps)), entries, oldestSeconds };
}

async function appendAll(
  deps: RoundDependencies,
  name: string,
): Promise<{ entries: number; oldestSeconds: number }> {
  let entries = 0;
  let oldestSeconds = 0;
  try {
    const store = await deps.open(name);
    for (let appends = 0; appends < MOST_APPENDS; appends += 1) {
      const done = await sequenceStore(deps, store, async () => {
        entries += await drainControl(deps);
      });
      entries += done.entries;
      oldestSeconds = Math.max(oldestSeconds, done.oldestSeconds);
      if (done.drained) break;
    }
  } catch (error) {
    if (!(error instanceof RetentionError)) throw error;
    deps.onStoreFailure(name, error.code);
  }
  return { entries, oldestSeconds };
}

async function drainControl(deps: RoundDependencies): Promise<number> {
  let entries = 0;
  for (;;) {
    const done = await sequenceControl(deps);
    entries += done.entries;
    if (done.drained) return entries;
  }
}

async function signHead(deps: RoundDependencies): Promise<{ size: number; signed: boolean }> {
  const { ledger, delivery } = deps;
  const head = await requireHead(ledger);
  if (head.size === 0) return { size: 0, signed: false };
  const newest = await ledger.checkpoint();
  const fresh = newest !== undefined && deps.now() - Date.parse(newest.signedAt) < SIGN_AGAIN_MS;
  const current = newest?.size === head.size && fresh;
  if (current && !delivery.due(head.size)) return { size: head.size, signed: false };
  const reader = logReader(ledger, head, deps.readSealed);
  const note = current ? newest.note : await signUnlessOvertaken(deps, reader, head);
  if (note === undefined) return { size: head.size, signed: false };
  if (!current) await ledger.addCheckpoint(head.size, note);
  const witnessed = await delivery.deliver(note, reader);
  if (witnessed !== note) await ledger.addCheckpoint(head.size, witnessed);
  return { size: head.size, signed: true };
}

/** Undefined when another sequencer signed meanwhile: its proof began where ours no longer does. */
async function signUnlessOvertaken(
  { signer }: RoundDependencies,
  reader: LogReader,
  head: LogHead,
): Promise<string | undefined> {
  const last = await signer.last();
  if (last !== undefined && last.size > head.size) return undefined;
  const proof = last === undefined ? [] : await proveConsistency(reader.tile, last.size, head.size);
  try {
    return await signer.sign(head, proof);
  } catch (error) {
    const isFork = error instanceof RetentionError && error.code === 'LEDGER_FORKED';
    if (!isFork || (await signer.last())?.size === last?.size) throw error;
    return undefined;
  }
}
