/**
 * The signer: the one place that holds the log keys, with a memory of its own outside every database.
 * Whatever becomes of the databases, it signs no two trees of which one is not the beginning of the
 * other. Nothing of it needs a database, so it can run on another machine, or be a KMS.
 */
import { join } from 'node:path';
import { invariant, RetentionError } from '../../domain/errors.ts';
import { formatCheckpoint, type TreeHead } from '../../ledger/checkpoint.ts';
import { verifyConsistency } from '../../ledger/merkle.ts';
import { formatNote, signNote } from '../../ledger/note.ts';
import { LEDGER_KEY_FOLDER, type LedgerKeys } from '../ledger-keys.ts';
import { headMemory } from './head-memory.ts';

export interface LedgerSigner {
  /**
   * What was signed last. Undefined when nothing was ever signed or the memory is gone as a whole: a
   * caller whose tree has a published checkpoint, or more than its genesis, must take it for gone.
   */
  last(): Promise<Pick<TreeHead, 'size' | 'root'> | undefined>;
  /**
   * The checkpoint as a note signed by every log key there is: two between the rotation of a key and the end of
   * the one before it, so that whoever trusts either verifies it (c2sp.org/signed-note@v1.0.0: signatures of unknown
   * keys are passed over). `proof` is that of RFC 6962, section 2.1.2 from the last signed size to that of `head`;
   * empty when nothing was signed before, or this very head. By the same keys a head that was signed already has
   * the same note again, byte for byte. Throws `LEDGER_FORKED` when the proof does not
   * connect the two, for a smaller tree, another root of the same size and another origin. Refused so, a
   * caller reads `last()` again: if it moved since the proof was made, somebody else signed meanwhile.
   */
  sign(head: TreeHead, proof: readonly Buffer[]): Promise<string>;
}

/** Below the key folder: one file per signed head, see `head-memory.ts`. */
const MEMORY_FOLDER = join(LEDGER_KEY_FOLDER, 'signed');

/**
 * A signer whose memory is `<keyDir>/_ledger/signed/`. A head is in it, durably, before its signature
 * leaves. Any number of processes may sign at once. Throws besides `LEDGER_SIGNER_UNREADABLE`,
 * `EPOCH_KEY_EXPOSED`, and what `keys.log` throws.
 */
export function fileSigner(keyDir: string, keys: Pick<LedgerKeys, 'log'>): LedgerSigner {
  const memory = headMemory(join(keyDir, MEMORY_FOLDER));
  return {
    last: async () => {
      const newest = await memory.newest();
      return newest && { size: newest.head.size, root: newest.head.root };
    },
    sign: async (head, proof) => {
      invariant(head.size > 0, 'A log without its genesis is not signed.');
      const text = formatCheckpoint(head);
      const signers = await keys.log();
      for (;;) {
        const newest = await memory.newest();
        if (newest !== undefined) refuseFork(newest.head, head, proof);
        if (newest?.head.size === head.size) break;
        if (await memory.advance(newest?.generation ?? 0, head)) break;
      }
      const lines = signers.map((key) => signNote(text, key, head.origin));
      return formatNote(text, lines).toString('utf8');
    },
  };
}

function refuseFork(last: TreeHead, head: TreeHead, proof: readonly Buffer[]): void {
  const refusal = whyNot(last, head, proof);
  if (refusal === undefined) return;
  throw new RetentionError(
    'LEDGER_FORKED',
    `${refusal} what was signed last: it is not signed. Keep everything as it is and run: retain log verify`,
    { size: head.size, signed_size: last.size },
  );
}

function whyNot(last: TreeHead, head: TreeHead, proof: readonly Buffer[]): string | undefined {
  if (head.origin !== last.origin) return 'The log has another name than';
  if (head.size < last.size) return 'The tree is smaller than';
  if (head.size === last.size) {
    return head.root.equals(last.root) ? undefined : 'The tree has the size, and not the root, of';
  }
  const claim = { oldSize: last.size, oldRoot: last.root, newSize: head.size, newRoot: head.root };
  return verifyConsistency({ ...claim, proof }) ? undefined : 'No proof connects the tree with';
}
