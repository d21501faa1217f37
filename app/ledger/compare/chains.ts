/** Where the chains of the log end: the last statement of each source, the last header of each lane. */
import { laneName } from '../../../ledger/order.ts';
import { NO_PREVIOUS } from '../../../ledger/statements.ts';
import { type BatchPiece, isBatch, isTold, type Piece, sourceOf, type ToldPiece } from './piece.ts';

interface LaneEnd {
  readonly seq: number;
  readonly sha256: string;
  readonly index: number;
}

export interface OpenRun {
  readonly source: string;
  /** By `laneName`. */
  readonly lanes: Map<string, LaneEnd>;
}

/** Of the entries read so far. Memory is that of the runs that have not closed. */
export interface Chains {
  readonly sources: Map<string, { n: number; sha256: string; index: number }>;
  readonly open: Map<string, OpenRun>;
}

export function extendChains({ sources, open }: Chains, piece: Piece): void {
  const { statement, sha256, index } = piece;
  if (isTold(piece)) {
    sources.set(piece.statement.source, { n: piece.statement.n, sha256, index });
  }
  if (statement.kind === 'run.open') {
    open.set(statement.run, { source: statement.source, lanes: new Map() });
  }
  if (statement.kind === 'run.close') open.delete(statement.run);
  if (statement.kind === 'batch') {
    const end = { seq: statement.seq, sha256, index };
    open.get(statement.run)?.lanes.set(laneName(statement), end);
  }
}

/** Why nobody can have appended the piece behind these, or undefined. Its signature is not looked at. */
export function chainFault(chains: Chains, piece: Piece): string | undefined {
  if (isBatch(piece)) return laneFault(chains, piece);
  if (isTold(piece)) return sourceFault(chains, piece);
  return piece.statement.kind === 'genesis' ? 'it is a second genesis' : undefined;
}

function laneFault({ open }: Chains, piece: BatchPiece): string | undefined {
  const { run: runId, seq, prev } = piece.statement;
  const run = open.get(runId);
  if (run?.source !== sourceOf(piece)) return 'it is a batch of no open run of its store';
  const end = run.lanes.get(laneName(piece.statement));
  const follows = seq === (end?.seq ?? 0) + 1 && prev === (end?.sha256 ?? NO_PREVIOUS);
  return follows ? undefined : 'it does not follow the batch before it in its lane';
}

function sourceFault({ sources }: Chains, { statement }: ToldPiece): string | undefined {
  const { source, n, prev } = statement;
  const end = sources.get(source);
  const follows = n === (end?.n ?? 0) + 1 && prev === (end?.sha256 ?? NO_PREVIOUS);
  return follows ? undefined : `it does not follow the last statement of ${source}`;
}
