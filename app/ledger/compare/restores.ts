/**
 * What was lost in restores and brought back from the published copy: the published log says so itself, in
 * entries of the admin key that were verified with it. What one of them names cannot be there; everything that
 * its backup had must be. One that is not published yet excuses nothing.
 */
import type { StatementOf } from '../../../ledger/statements.ts';
import type { Replay } from '../../../ledger/verify/verify-log.ts';
import { isTold, type Page, type Piece, sourceOf } from './piece.ts';

export interface Restores {
  /** To be called with every page, in order, before anything is asked about its pieces. */
  follow(page: Page): void;
  /** Whether a later replay says that the store which told the piece was set back to before it. */
  lost(piece: Piece): boolean;
  /** Whether the control database was set back to before the entry. */
  forgotten(index: number): boolean;
  /** Runs that recoveries closed without a statement of their own: in the log they were open, or closed before. */
  readonly givenUp: ReadonlySet<string>;
  /** Up to which number a store was fitted to the log; 0 for one that was never restored. */
  resumedAfter(source: string): number;
  /** Stores that were fitted to the log, and all batches that each of them lacked the last time. */
  readonly lacking: ReadonlyMap<string, StatementOf<'replay'>['lost'][string]['batches']>;
}

/** Of one store in one restore: its statements after number `after`, batches that came later than that one. */
interface Loss {
  readonly source: string;
  readonly after: number;
  /** Index of statement `after`; undefined as long as the log has not come to it. */
  afterIndex: number | undefined;
  /** Index of the replay. */
  readonly beforeIndex: number;
}

export function restoresOf(replays: readonly Replay[]): Restores {
  const losses = replays.flatMap(lossesIn);
  const windows = replays.map(({ statement }) => statement);
  const of = (source: string): Loss[] => losses.filter((loss) => loss.source === source);
  const lost = (piece: Piece): boolean => of(sourceOf(piece)).some((loss) => isLost(loss, piece));
  const givenUp = new Set(windows.flatMap(({ runs_abandoned: runs }) => runs));
  return {
    follow({ pieces }) {
      for (const piece of losses.length === 0 ? [] : pieces.filter(isTold)) {
        const { statement } = piece;
        for (const loss of of(statement.source)) {
          if (loss.after === statement.n) loss.afterIndex = piece.index;
        }
        if (statement.kind === 'run.close' && lost(piece)) givenUp.add(statement.run);
      }
    },
    lost,
    forgotten: (index) =>
      windows.some(({ size_before: from, size_after: to }) => index >= from && index < to),
    givenUp,
    resumedAfter: (source) =>
      Math.max(
        0,
        ...windows.map(({ sources }) => new Map(Object.entries(sources)).get(source) ?? 0),
      ),
    lacking: new Map(
      windows.flatMap(({ lost }) =>
        Object.entries(lost).map(([source, { batches }]) => [source, batches] as const),
      ),
    ),
  };
}

function lossesIn({ index, statement }: Replay): Loss[] {
  return Object.entries(statement.lost).map(([source, { after }]) => ({
    ...{ source, after, afterIndex: after === 0 ? -1 : undefined, beforeIndex: index },
  }));
}

function isLost({ after, afterIndex, beforeIndex }: Loss, piece: Piece): boolean {
  if (afterIndex === undefined || piece.index <= afterIndex || piece.index >= beforeIndex) {
    return false;
  }
  return !isTold(piece) || piece.statement.n > after;
}
