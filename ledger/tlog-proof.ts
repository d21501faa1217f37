/** Proofs of inclusion that stand by themselves (c2sp.org/tlog-proof@v1); files end in `.tlog-proof`. */
import { parseCheckpoint } from './checkpoint.ts';
import { HASH_BYTES } from './hashing.ts';
import { parseNote } from './note.ts';
import { malformed, readBase64, readDecimal, readText } from './text.ts';

export interface TlogProof {
  /** Of the entry in the log, from 0. */
  readonly index: number;
  /** 32 bytes each, from the sibling of the leaf to the child of the root (RFC 6962, section 2.1.1). */
  readonly hashes: readonly Buffer[];
  /** The checkpoint note, byte for byte. */
  readonly checkpoint: Buffer;
  /** Whatever the maker added. Nobody has signed it. */
  readonly extra?: Buffer;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
const PROOF_BYTES_MAX = 524_288;
/** Levels of a tree of 2^53 entries. */
const HASHES_MAX = 53;
const EXTRA = 'extra ';
const INDEX = 'index ';

/** The text of a proof. Throws `LEDGER_MALFORMED` when `parseTlogProof` would not read it. */
export function formatTlogProof(proof: TlogProof): Buffer {
  const { index, hashes, checkpoint, extra } = proof;
  const lines = [
    HEADER,
    ...(extra === undefined ? [] : [`${EXTRA}${extra.toString('base64')}`]),
    `${INDEX}${index}`,
    ...hashes.map((hash) => hash.toString('base64')),
  ];
  const bytes = Buffer.concat([Buffer.from(`${lines.join('\n')}\n\n`, 'latin1'), checkpoint]);
  parseTlogProof(bytes);
  return bytes;
}

/**
 * Reads a proof. Throws `LEDGER_MALFORMED` for anything that is not spelt as `formatTlogProof` does, for
 * more hashes than a tree has levels, for a checkpoint that is none, and for an index beyond it. Neither
 * the hashes nor the signatures are verified.
 */
export function parseTlogProof(bytes: Uint8Array): TlogProof {
  const text = readText(bytes, 'The proof', PROOF_BYTES_MAX);
  const end = text.indexOf('\n\n');
  const [header, ...lines] = text.slice(0, Math.max(end, 0)).split('\n');
  if (header !== HEADER) throw malformed(`A proof begins with the line ${HEADER}.`);
  const extra = lines[0]?.startsWith(EXTRA) ? readExtra(lines.shift() ?? '') : undefined;
  const index = readIndex(lines.shift() ?? '');
  const hashes = readHashes(lines);
  const checkpoint = Buffer.from(text.slice(end + 2), 'utf8');
  if (index >= parseCheckpoint(parseNote(checkpoint).text).size) {
    throw malformed('The index of the proof is not below the size in its checkpoint.');
  }
  return { index, hashes, checkpoint, ...(extra !== undefined && { extra }) };
}

function readExtra(line: string): Buffer {
  const extra = readBase64(line.slice(EXTRA.length));
  if (extra === undefined || extra.length === 0) {
    throw malformed('The extra line of a proof has base64, or is not there.');
  }
  return extra;
}

function readIndex(line: string): number {
  const index = line.startsWith(INDEX) ? readDecimal(line.slice(INDEX.length)) : undefined;
  if (index === undefined) {
    throw malformed('A proof has a line with index and a decimal number below 2^53.');
  }
  return index;
}

function readHashes(lines: readonly string[]): Buffer[] {
  if (lines.length > HASHES_MAX) {
    throw malformed(`The proof has more than ${HASHES_MAX} hashes.`);
  }
  return lines.map((line) => {
    const hash = readBase64(line);
    if (hash?.length !== HASH_BYTES) {
      throw malformed('A hash of the proof is not the base64 of 32 bytes.');
    }
    return hash;
  });
}
