/** One statement or one batch of the log, as the comparison sees it. */
import { entrySha256 } from '../../../ledger/entry.ts';
import { batchLeafHashes } from '../../../ledger/record-entries.ts';
import type { Statement, StatementOf } from '../../../ledger/statements.ts';
import type { Place } from '../../../ledger/verify/findings.ts';
import type { Told } from '../../../ledger/verify/said.ts';
import { leavesOf, type PublishedPart } from '../published-log.ts';

export interface Piece<S extends Statement = Statement> {
  readonly index: number;
  /** Entries: one, and one per record of a batch. */
  readonly leaves: number;
  readonly statement: S;
  /** Of the complete entry, hex. */
  readonly sha256: string;
}

export type BatchPiece = Piece<StatementOf<'batch'>>;
export type ToldPiece = Piece<Told>;

/** Consecutive pieces; their leaf hashes are kept beside them only until the tree has grown. */
export interface Page {
  /** Index of the first entry. */
  readonly from: number;
  /** Index after the last. */
  readonly to: number;
  readonly pieces: readonly Piece[];
  /** Packed, of each piece. */
  readonly leaves: readonly Buffer[];
}

const PIECES_AT_ONCE = 250;
const LEAVES_AT_ONCE = 65_536;

/** `from`: index of the first part. */
export async function* pagesOf(
  parts: AsyncIterable<PublishedPart>,
  from: number,
): AsyncGenerator<Page> {
  let page = { from, to: from, pieces: [] as Piece[], leaves: [] as Buffer[] };
  for await (const part of parts) {
    const leaves = leavesOf(part);
    page.pieces.push(pieceOf(part));
    page.leaves.push(batchLeafHashes(part.entry.bytes, part.refs));
    page.to += leaves;
    if (page.pieces.length < PIECES_AT_ONCE && page.to - page.from < LEAVES_AT_ONCE) continue;
    yield page;
    page = { from: page.to, to: page.to, pieces: [], leaves: [] };
  }
  if (page.pieces.length > 0) yield page;
}

export function pieceOf(part: PublishedPart): Piece {
  const { firstIndex: index, statement, entry } = part;
  const sha256 = entrySha256(entry.bytes).toString('hex');
  return { index, leaves: leavesOf(part), statement, sha256 };
}

export function isBatch(piece: Piece): piece is BatchPiece {
  return piece.statement.kind === 'batch';
}

export function isTold(piece: Piece): piece is ToldPiece {
  return 'source' in piece.statement;
}

/** `store:<id>` or `control`: where the piece came from. */
export function sourceOf({ statement }: Piece): string {
  if (statement.kind === 'batch') return `store:${statement.store}`;
  return 'source' in statement ? statement.source : 'control';
}

export function placeOf({ index, statement }: Piece): Place {
  return {
    index,
    ...('run' in statement && { run: statement.run }),
    ...(statement.kind === 'batch' && { batch: statement.batch }),
  };
}
