/**
 * What was lost in restores and brought back from the published copy: the log says so itself, in an entry of
 * the admin key. Such rows cannot be there; everything that the backup had must be.
 */
import { decodeEntry } from '../../../ledger/entry.ts';
import { readStatement, type StatementOf } from '../../../ledger/statements.ts';
import { newestEvent } from '../../../stores/postgres/audit-leftovers.ts';
import type { Comparison } from './comparison.ts';
import { isTold, type Piece, sourceOf } from './piece.ts';

export interface Restores {
  /** Whether the database that told the piece was set back to before it. */
  lost(piece: Piece): boolean;
  /** Whether the control database was set back to before the entry. */
  forgotten(index: number): boolean;
  /** Runs that were given up without a statement of their own. */
  readonly abandoned: ReadonlySet<string>;
}

/** Of one source in one restore. */
interface Loss {
  readonly source: string;
  /** Statements from here on, */
  readonly fromN: number;
  /** up to here. */
  readonly toN: number;
  /** Entries after this index, */
  readonly afterIndex: number;
  /** and before this one. */
  readonly beforeIndex: number;
}

export async function findRestores(comparison: Comparison): Promise<Restores> {
  const { retain } = comparison;
  const rows = await comparison.read('control', 'retain.log_seq', () =>
    retain.control.ledger.statements(['replay']),
  );
  const losses: Loss[] = [];
  const abandoned = new Set<string>();
  for (const { firstIndex, entry } of rows ?? []) {
    const statement = entry === null ? undefined : replayOf(entry);
    if (statement === undefined) continue;
    for (const run of statement.runs_abandoned) abandoned.add(run);
    losses.push(...(await lossesOf(comparison, statement, firstIndex)));
  }
  const of = (source: string): Loss[] => losses.filter((loss) => loss.source === source);
  return {
    abandoned,
    lost: (piece) => of(sourceOf(piece)).some((loss) => isLost(loss, piece)),
    forgotten: (index) => of('control').some((loss) => isWithin(loss, index)),
  };
}

function isLost(loss: Loss, piece: Piece): boolean {
  if (!isWithin(loss, piece.index)) return false;
  return !isTold(piece) || (piece.statement.n >= loss.fromN && piece.statement.n <= loss.toN);
}

function isWithin({ afterIndex, beforeIndex }: Loss, index: number): boolean {
  return index > afterIndex && index < beforeIndex;
}

function replayOf(entry: Buffer): StatementOf<'replay'> | undefined {
  try {
    const decoded = decodeEntry(entry);
    const statement = decoded.kind === 'replay' ? readStatement(decoded) : undefined;
    return statement?.kind === 'replay' ? statement : undefined;
  } catch {
    // What stands there instead of a statement is found where the places are compared.
    return undefined;
  }
}

/** A store was set back to its newest statement that is still there: a gap before that is no loss. */
async function lossesOf(
  comparison: Comparison,
  { sources, size_before, size_after }: StatementOf<'replay'>,
  index: number,
): Promise<Loss[]> {
  const losses: Loss[] = [
    {
      ...{ source: 'control', fromN: 1, toN: Number.MAX_SAFE_INTEGER },
      ...{ afterIndex: size_before - 1, beforeIndex: size_after },
    },
  ];
  for (const [source, toN] of Object.entries(sources)) {
    const connection = source === 'control' ? undefined : await comparison.store(source);
    if (connection === undefined) continue;
    const newest = await comparison.read(source, 'retain_guard.event', () =>
      newestEvent(connection.sql, connection.store, toN),
    );
    if (newest === undefined) continue;
    const logged = await comparison.retain.control.ledger.statementsOf(source, [newest]);
    const afterIndex = logged.get(newest)?.firstIndex ?? -1;
    losses.push({ source, fromN: newest + 1, toN, afterIndex, beforeIndex: index });
  }
  return losses;
}
