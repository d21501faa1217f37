/** Reading our own published log back: what the way out of a restore begins with. */
import { RetentionError } from '../../domain/errors.ts';
import { parseCheckpoint, type TreeHead } from '../../ledger/checkpoint.ts';
import { decodeEntry, entrySha256, type SignedEntry } from '../../ledger/entry.ts';
import { HASH_BYTES, leafHash } from '../../ledger/hashing.ts';
import { parseNote } from '../../ledger/note.ts';
import { EMPTY_TREE, grow, rootOf } from '../../ledger/open-tree.ts';
import { recordEntry } from '../../ledger/record-entries.ts';
import { readStatement, type Statement } from '../../ledger/statements.ts';
import { bundlesOf, decodeBundle } from '../../ledger/tiles.ts';
import { type LogSource, readBundle, readCheckpoint } from '../../ledger/verify/log-source.ts';

/** A statement or a batch with its records, as they stand in the published log. */
export interface PublishedPart {
  readonly firstIndex: number;
  readonly entry: SignedEntry;
  readonly statement: Statement;
  /** Packed; empty for anything but a batch. */
  readonly refs: Buffer;
}

/** The head of the published copy, its signatures not verified. */
export async function publishedHead(source: LogSource): Promise<TreeHead> {
  const file = await readCheckpoint(source);
  if ('lacks' in file) throw unreadable(file.message);
  return parseCheckpoint(parseNote(file.bytes).text);
}

/** The root over the first `size` entries, computed from the entries alone. */
export async function publishedRoot(source: LogSource, size: number): Promise<Buffer> {
  let tree = EMPTY_TREE;
  for await (const entries of bundles(source, size))
    tree = grow(tree, Buffer.concat(entries.map(leafHash))).tree;
  return rootOf(tree);
}

/**
 * The statements and batches of the first `size` entries, in order; memory is that of one batch. Throws
 * `LEDGER_MALFORMED` for what is no log: whoever calls has compared the root before.
 */
export async function* publishedParts(
  source: LogSource,
  size: number,
): AsyncGenerator<PublishedPart> {
  let open:
    | { readonly part: Omit<PublishedPart, 'refs'>; readonly refs: Buffer[]; left: number }
    | undefined;
  let index = 0;
  for await (const entries of bundles(source, size)) {
    for (const bytes of entries) {
      const entry = decodeEntry(bytes);
      if (entry.kind === 'record') {
        if (open === undefined) throw unreadable(`Entry ${index} belongs to no batch.`);
        const expected = recordEntry(entrySha256(open.part.entry.bytes), entry.ref);
        if (!expected.equals(bytes)) throw unreadable(`Entry ${index} belongs to another batch.`);
        open.refs.push(Buffer.from(entry.ref));
        open.left -= 1;
        if (open.left === 0) {
          yield { ...open.part, refs: Buffer.concat(open.refs) };
          open = undefined;
        }
      } else {
        if (open !== undefined) throw unreadable(`A batch ends too early at entry ${index}.`);
        const statement = readStatement(entry);
        const part = { firstIndex: index, entry, statement };
        if (statement.kind === 'batch') open = { part, refs: [], left: statement.items.count };
        else yield { ...part, refs: Buffer.alloc(0) };
      }
      index += 1;
    }
  }
}

async function* bundles(source: LogSource, size: number): AsyncGenerator<Buffer[]> {
  for (const bundle of bundlesOf(size)) {
    const file = await readBundle(source, bundle);
    if ('lacks' in file) throw unreadable(file.message);
    // A copy that has grown since has the wider bundle.
    yield decodeBundle(file.bytes).slice(0, bundle.width);
  }
}

function unreadable(what: string): RetentionError {
  return new RetentionError('LEDGER_MALFORMED', `The published log cannot be read: ${what}`);
}

/** Entries that a part has in the log: itself and its records. */
export function leavesOf({ refs }: Pick<PublishedPart, 'refs'>): number {
  return 1 + refs.length / HASH_BYTES;
}
