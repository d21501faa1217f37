/** Proofs for a certificate: every entry against one signed checkpoint. */
import type { LedgerDb, StoredCheckpoint } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import type { EvidenceJson } from '../../ledger/certificate/format.ts';
import { parseNote } from '../../ledger/note.ts';
import { proveInclusion, type ReadTile } from '../../ledger/proofs.ts';
import { formatTlogProof } from '../../ledger/tlog-proof.ts';
import { logReader, type ReadSealed } from '../ledger/log-reader.ts';
import { requireHead } from '../ledger/sequence.ts';
import { pending } from './entries.ts';

/** Answers the entry with its proof as C2SP tlog-proof. */
export type Prove = (entry: {
  readonly index: number;
  readonly bytes: Buffer;
}) => Promise<EvidenceJson>;

type Ledger = Pick<LedgerDb, 'checkpoint' | 'head' | 'kept' | 'ranges' | 'tile'>;

/** A fresh checkpoint may still be on its way to the witnesses: so many are looked at. */
const CHECKPOINTS_LOOKED_AT = 4;

/**
 * Proves entries up to `lastIndex` with the checkpoint that the most witnesses have signed, of those newest
 * ones that cover them. Throws `CERTIFICATE_PENDING` when none does, `LEDGER_BEHIND` when the database has
 * less than was signed, and what the reader throws.
 */
export async function prover(
  ledger: Ledger,
  readSealed: ReadSealed,
  lastIndex: number,
): Promise<Prove> {
  const checkpoint = await coveringCheckpoint(ledger, lastIndex);
  const head = await requireHead(ledger);
  if (head.size < checkpoint.size) {
    throw new RetentionError(
      'LEDGER_BEHIND',
      'The ledger in the database has fewer entries than were signed: it was restored from a backup.',
      { size: head.size, signed: checkpoint.size },
    );
  }
  const readTile = eachTileOnce(logReader(ledger, head, readSealed).tile);
  const note = Buffer.from(checkpoint.note, 'utf8');
  return async ({ index, bytes }) => {
    const hashes = await proveInclusion(readTile, index, checkpoint.size);
    const proof = formatTlogProof({ index, hashes, checkpoint: note });
    return { entry: bytes.toString('base64'), tlog_proof: proof.toString('utf8') };
  };
}

async function coveringCheckpoint(ledger: Ledger, lastIndex: number): Promise<StoredCheckpoint> {
  let best: { readonly checkpoint: StoredCheckpoint; readonly signatures: number } | undefined;
  let atMost: number | undefined;
  for (let looked = 0; looked < CHECKPOINTS_LOOKED_AT; looked += 1) {
    const checkpoint = await ledger.checkpoint(atMost);
    if (checkpoint === undefined || checkpoint.size <= lastIndex) break;
    const signatures = parseNote(Buffer.from(checkpoint.note, 'utf8')).signatures.length;
    if (best === undefined || signatures > best.signatures) best = { checkpoint, signatures };
    atMost = checkpoint.size - 1;
  }
  if (best !== undefined) return best.checkpoint;
  throw pending('No signed checkpoint of the ledger covers this yet.');
}

/** Proofs of neighbours need the same tiles, and a tile of leaves is recomputed from its batches. */
function eachTileOnce(readTile: ReadTile): ReadTile {
  const tiles = new Map<string, Promise<Buffer>>();
  return (level, index, width) => {
    const name = `${level}/${index}/${width}`;
    const tile = tiles.get(name) ?? readTile(level, index, width);
    tiles.set(name, tile);
    return tile;
  };
}
