/** Where the bytes of a published log come from, and how much of them is taken. */
import { HASH_BYTES } from '../hashing.ts';
import { type Bundle, bundlePath, TILE_WIDTH, type Tile, tilePath } from '../tiles.ts';

/** The published files of one log: a folder, a web server, or the memory of a test. */
export interface LogSource {
  /**
   * The bytes of a file, or undefined when there is none. Reads at most `maxBytes + 1` bytes of it: one
   * more than allowed tells that it is too long. Rejects when the file cannot be read.
   */
  read(path: string, maxBytes: number): Promise<Buffer | undefined>;
}

/** Bytes of a file of the log, or why there are none. */
export type Published =
  | {
      readonly bytes: Buffer;
      /** The log has grown since: it is the full file, and begins as the partial one did. */
      readonly wider: boolean;
    }
  | {
      readonly lacks: 'E_MISSING' | 'E_UNREADABLE' | 'E_FORMAT';
      /** One sentence that names the file. */
      readonly message: string;
    };

const CHECKPOINT_BYTES_MAX = 65_536;
/** An entry has at most 65,535 bytes, its length two. */
const BUNDLE_BYTES_PER_ENTRY = 65_537;
const READS_AHEAD = 8;
const ERRNO = /^[A-Z][A-Z0-9_]{2,40}$/;

export function readCheckpoint(source: LogSource): Promise<Published> {
  return readFile(source, 'checkpoint', CHECKPOINT_BYTES_MAX);
}

/** At most `width · 65,537` bytes. */
export function readBundle(source: LogSource, { index, width }: Bundle): Promise<Published> {
  return readWidth(source, width, BUNDLE_BYTES_PER_ENTRY, (asked) =>
    bundlePath({ index, width: asked }),
  );
}

/** Exactly `width · 32` bytes. */
export async function readTile(source: LogSource, tile: Tile): Promise<Published> {
  const { width } = tile;
  const pathOf = (asked: number): string => tilePath({ ...tile, width: asked });
  const file = await readWidth(source, width, HASH_BYTES, pathOf);
  if ('lacks' in file) return file;
  const bytes = file.wider ? file.bytes.subarray(0, width * HASH_BYTES) : file.bytes;
  if (bytes.length === width * HASH_BYTES) return { bytes, wider: false };
  return { lacks: 'E_FORMAT', message: `${pathOf(width)} does not have ${width} hashes.` };
}

/** A log that has grown since its checkpoint may have the full file in place of the partial one. */
async function readWidth(
  source: LogSource,
  width: number,
  bytesEach: number,
  pathOf: (width: number) => string,
): Promise<Published> {
  const file = await readFile(source, pathOf(width), width * bytesEach);
  if ('bytes' in file || file.lacks !== 'E_MISSING' || width === TILE_WIDTH) return file;
  const full = await readFile(source, pathOf(TILE_WIDTH), TILE_WIDTH * bytesEach);
  if ('bytes' in full) return { bytes: full.bytes, wider: true };
  return full.lacks === 'E_MISSING' ? file : full;
}

async function readFile(source: LogSource, path: string, maxBytes: number): Promise<Published> {
  try {
    const bytes = await source.read(path, maxBytes);
    if (bytes === undefined) return { lacks: 'E_MISSING', message: `${path} is not there.` };
    if (bytes.length <= maxBytes) return { bytes, wider: false };
    return { lacks: 'E_FORMAT', message: `${path} has more than ${maxBytes} bytes.` };
  } catch (error) {
    return { lacks: 'E_UNREADABLE', message: `${path} could not be read${reason(error)}.` };
  }
}

/** Answers of `ask` for every item, in order, with a few asked for before they are needed. */
export async function* readAhead<T, A>(
  items: Iterable<T>,
  ask: (item: T) => Promise<A>,
): AsyncGenerator<A, void, undefined> {
  const asked: Promise<A>[] = [];
  for (const item of items) {
    asked.push(ask(item));
    if (asked.length > READS_AHEAD) yield* asked.splice(0, 1);
  }
  yield* asked;
}

/** Codes of the operating system are safe to print; what a server says is not. */
function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && ERRNO.test(code) ? ` (${code})` : '';
}
