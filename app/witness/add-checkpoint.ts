/** What a log asks of a witness: the body of `add-checkpoint` (c2sp.org/tlog-witness@v1.0.0). */
import { HASH_BYTES } from '../../ledger/hashing.ts';
import { malformed, readBase64, readDecimal, readText } from '../../ledger/text.ts';

export interface AddCheckpoint {
  /** Of the last checkpoint that the witness cosigned; 0 for none. */
  readonly oldSize: number;
  /** From `oldSize` to the size of the checkpoint (RFC 6962, section 2.1.2). */
  readonly proof: readonly Buffer[];
  /** The checkpoint, a signed note. */
  readonly note: Buffer;
}

/** A request is no larger. A checkpoint of a hundred signatures and the longest proof are 20 KiB. */
export const REQUEST_BYTES_MAX = 65_536;
/** Below the submission prefix of the witness. */
export const ADD_CHECKPOINT = 'add-checkpoint';
/** Media type of the size in an answer to a wrong old size. */
export const SIZE_MEDIA_TYPE = 'text/x.tlog.size';

const HASHES_MAX = 63;
const OLD = 'old ';

export function formatAddCheckpoint({ oldSize, proof, note }: AddCheckpoint): Buffer {
  const lines = [`${OLD}${oldSize}`, ...proof.map((hash) => hash.toString('base64'))];
  return Buffer.concat([Buffer.from(`${lines.join('\n')}\n\n`, 'latin1'), note]);
}

/** Throws `LEDGER_MALFORMED` for anything that `formatAddCheckpoint` would write another way. */
export function parseAddCheckpoint(bytes: Uint8Array): AddCheckpoint {
  const text = readText(bytes, 'The request', REQUEST_BYTES_MAX);
  const end = text.indexOf('\n\n');
  const [old = '', ...hashes] = text.slice(0, Math.max(end, 0)).split('\n');
  const oldSize = old.startsWith(OLD) ? readDecimal(old.slice(OLD.length)) : undefined;
  if (oldSize === undefined) {
    throw malformed('A request begins with a line of the word old and a size below 2^53.');
  }
  if (hashes.length > HASHES_MAX) throw malformed(`A proof has at most ${HASHES_MAX} hashes.`);
  const proof = hashes.map((line) => {
    const hash = readBase64(line);
    if (hash?.length !== HASH_BYTES) throw malformed('A line of a proof is base64 of 32 bytes.');
    return hash;
  });
  return { oldSize, proof, note: Buffer.from(text.slice(end + 2), 'utf8') };
}
