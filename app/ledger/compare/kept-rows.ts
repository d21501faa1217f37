/** Batches whose bytes are kept beside the tree: exactly those that their stores lost in restores. */
import type { LostTally } from '../lost-batches.ts';
import type { Comparison } from './comparison.ts';
import { type DatabaseFinding, found } from './findings.ts';
import { isBatch, type Page, type Piece, placeOf, sourceOf } from './piece.ts';
import type { Restores } from './restores.ts';
import { type ComparedTable, compareRows } from './rows.ts';

const CONTROL = 'control';
const KEPT: ComparedTable = {
  ...{ source: CONTROL, table: 'retain.log_kept', code: 'E_DB_HEADER', closed: true },
  codes: { refs: 'E_DB_ITEM' },
};

export interface Excused {
  /** What cannot be in the store any more: statements that it lost, batches that it lost and that are kept. */
  readonly pieces: ReadonlySet<Piece>;
  readonly findings: readonly DatabaseFinding[];
}

/** Adds the batches that are excused to `kept`. */
export async function compareKept(
  { control, read }: Comparison,
  restores: Restores,
  page: Page,
  kept: LostTally,
): Promise<Excused> {
  const lost = page.pieces.filter((piece) => sourceOf(piece) !== CONTROL && restores.lost(piece));
  const batches = page.pieces.filter(isBatch);
  const ids = batches.map(({ statement }) => statement.batch);
  const rows = await read(CONTROL, KEPT.table, () => control.kept(ids));
  const there = new Set(rows?.map(({ key }) => key));
  // Whether one that is not kept was lost nobody can tell: it must be in its store.
  const keptAndLost = lost.filter(isBatch).filter(({ statement }) => there.has(statement.batch));
  for (const piece of keptAndLost) kept.add(sourceOf(piece), piece.statement.batch);
  const expected = keptAndLost.map((piece) => ({
    ...{ key: piece.statement.batch, place: placeOf(piece) },
    columns: { header: piece.sha256, refs: piece.statement.items.sha256 },
  }));
  return {
    pieces: new Set([...lost.filter((piece) => !isBatch(piece)), ...keptAndLost]),
    findings: rows === undefined ? [] : compareRows(KEPT, expected, rows, undefined),
  };
}

/** A batch that went after the restore cannot pass for one that was lost in it. */
export function* compareLacking(
  { damage }: Comparison,
  { lacking }: Restores,
  kept: LostTally,
): Generator<DatabaseFinding> {
  const { source, table } = KEPT;
  if (damage.unread.has(`${source} ${table}`)) return;
  for (const [store, { count, sha256 }] of lacking) {
    const now = kept.of(store);
    if (now.count === count && now.sha256 === sha256) continue;
    const message = `${table} does not have exactly the ${count} batches that ${store} had lost when it was restored.`;
    yield found('E_DB_COUNT', message, { source, table });
  }
}
