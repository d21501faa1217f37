/** Checkpoints: the size and root of a log as the text of a signed note (c2sp.org/tlog-checkpoint@v1.0.0). */
import { invariant } from '../domain/errors.ts';
import { HASH_BYTES } from './hashing.ts';
import { malformed, readBase64, readDecimal } from './text.ts';

/** The head of a log. */
export interface TreeHead {
  /** The name of the log. */
  readonly origin: string;
  /** Number of entries, below 2^53. */
  readonly size: number;
  /** RFC 6962 root of the tree of that size, 32 bytes. */
  readonly root: Buffer;
}

/** A head as it was read. Our own logs never write extensions; nothing here gives them a meaning. */
export interface Checkpoint extends TreeHead {
  readonly extensions: readonly string[];
}

/** A later signature scheme of the witnesses counts the bytes of an origin in one byte. */
const ORIGIN_BYTES_MAX = 255;
const ORIGIN = /^[a-z0-9]+(?:[.-][a-z0-9]+)*(?:\/[A-Za-z0-9._~-]+)*$/;
const CONTROL = /\p{Cc}/u;

/**
 * True for what a log of ours may be called: a host and a path without a scheme, such as
 * `retain.example.com/housing`. Nothing needs to answer there; it only has to be nobody else's name.
 */
export function isOrigin(text: string): boolean {
  return ORIGIN.test(text) && text.length <= ORIGIN_BYTES_MAX;
}

/** Three lines: origin, size, base64 of the root. */
export function formatCheckpoint({ origin, size, root }: TreeHead): string {
  invariant(isOrigin(origin), 'The origin of a log is a host and a path without a scheme.');
  invariant(Number.isSafeInteger(size) && size >= 0, 'The size of a log is a whole number.');
  invariant(root.length === HASH_BYTES, 'The root of a log has 32 bytes.');
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/**
 * Reads the text of a checkpoint note. Throws `LEDGER_MALFORMED` for empty lines, sizes with leading zeros
 * or from 2^53 on, and roots that are not the canonical base64 of 32 bytes. An origin may be any line:
 * other logs have other customs.
 */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin = '', sizeText = '', rootText = '', ...rest] = text.split('\n');
  const extensions = rest.slice(0, -1);
  if (rest.at(-1) !== '' || [origin, ...extensions].includes('')) {
    throw malformed('A checkpoint is three lines, each with a line end, and none is empty.');
  }
  if ([origin, ...extensions].some((line) => CONTROL.test(line))) {
    throw malformed('A checkpoint has no control characters.');
  }
  const size = readDecimal(sizeText);
  if (size === undefined) {
    throw malformed(
      'The size of a checkpoint is a decimal number below 2^53 without leading zeros.',
    );
  }
  const root = readBase64(rootText);
  if (root?.length !== HASH_BYTES) {
    throw malformed('The root of a checkpoint is the base64 of 32 bytes.');
  }
  return { origin, size, root, extensions };
}
