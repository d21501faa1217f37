/** Proofs for a certificate: every entry against one signed checkpoint. */
import type { LedgerDb } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import type { EvidenceJson } from '../../ledger/certificate/format.ts';
import { type NoteSignature, parseNote } from '../../ledger/note.ts';
import { eachTileOnce, proveInclusion } from '../../ledger/proofs.ts';
import { formatTlogProof } from '../../ledger/tlog-proof.ts';
import { logReader, type ReadSealed } from '../ledger/log-reader.ts';
import { requireHead } from '../ledger/sequence.ts';
import { pending } from './entries.ts';

export interface Prover {
  /** Answers the entry with its proof as C2SP tlog-proof. */
  readonly prove: (entry: {
    readonly index: number;
    readonly bytes: Buffer;
  }) => Promise<EvidenceJson>;
  /** Of the checkpoint: what stands before it can be proved. */
  readonly size: number;
  /** RFC 3161 response over the checkpoint of the proofs, base64; null when nobody timestamped it. */
  readonly tsr: string | null;
}

interface SignedHead {
  readonly size: number;
  readonly note: string;
  readonly response?: Buffer;
}

type Ledger = Pick<LedgerDb, 'checkpoint' | 'head' | 'kept' | 'ranges' | 'tile' | 'timestamped'>;

/** A fresh checkpoint may still be on its way to the witnesses: so many are looked at. */
const CHECKPOINTS_LOOKED_AT = 4;

/**
 * Proves entries up to `lastIndex` with the newest head that covers them and was timestamped, else with the
 * one that the most witnesses have signed of the newest ones. Throws `CERTIFICATE_PENDING` when none covers
 * them, `LEDGER_BEHIND` when the database has less than was signed, and what the reader throws.
 */
export async function prover(
  ledger: Ledger,
  readSealed: ReadSealed,
  lastIndex: number,
): Promise<Prover> {
  const signed = await coveringHead(ledger, lastIndex);
  const head = await requireHead(ledger);
  if (head.size < signed.size) {
    throw new RetentionError(
      'LEDGER_BEHIND',
      'The ledger in the database has fewer entries than were signed: it was restored from a backup.',
      { size: head.size, signed: signed.size },
    );
  }
  // A tile of leaves is recomputed from its batches.
  const readTile = eachTileOnce(logReader(ledger, head, readSealed).tile);
  const checkpoint = Buffer.from(signed.note, 'utf8');
  return {
    prove: async ({ index, bytes }) => {
      const hashes = await proveInclusion(readTile, index, signed.size);
      const proof = formatTlogProof({ index, hashes, checkpoint });
      return { entry: bytes.toString('base64'), tlog_proof: proof.toString('utf8') };
    },
    size: signed.size,
    tsr: signed.response?.toString('base64') ?? null,
  };
}

async function coveringHead(ledger: Ledger, lastIndex: number): Promise<SignedHead> {
  const newest = await ledger.checkpoint();
  if (newest === undefined || newest.size <= lastIndex) {
    throw pending('No signed checkpoint of the ledger covers this yet.');
  }
  const stamped = await ledger.timestamped(lastIndex + 1);
  // A policy of today may not know a log key of then.
  if (stamped !== undefined && isSignedAs(newest, stamped)) return stamped;
  let best: SignedHead = newest;
  let next: SignedHead | undefined = newest;
  for (let looked = 1; looked < CHECKPOINTS_LOOKED_AT; looked += 1) {
    next = await ledger.checkpoint(next.size - 1);
    if (next === undefined || next.size <= lastIndex) break;
    if (isSignedAs(newest, next) && witnessesOf(next) > witnessesOf(best)) best = next;
  }
  return best;
}

function signaturesOf({ note }: SignedHead): readonly NoteSignature[] {
  return parseNote(Buffer.from(note, 'utf8')).signatures;
}

function witnessesOf(head: SignedHead): number {
  return signaturesOf(head).length - logKeyIds(head).length;
}

/** Whether every key by which the log itself signed the newest head signed this one too. */
function isSignedAs(newest: SignedHead, head: SignedHead): boolean {
  const keyIds = logKeyIds(head);
  return logKeyIds(newest).every((id) => keyIds.includes(id));
}

/** The log's keys are named by its origin, the first line of the note. */
function logKeyIds(head: SignedHead): string[] {
  const [origin] = head.note.split('\n', 1);
  return signaturesOf(head).flatMap(({ name, keyId }) => (name === origin ? keyId : []));
}
