/** The control database's own account of the tree: which entries came from where, tiles, checkpoints. */
import { RetentionError } from '../../../domain/errors.ts';
import { parseCheckpoint } from '../../../ledger/checkpoint.ts';
import { sha256 } from '../../../ledger/hashing.ts';
import { parseNote } from '../../../ledger/note.ts';
import { type FullTile, grow, type OpenTree, rootOf } from '../../../ledger/open-tree.ts';
import type { Comparison } from './comparison.ts';
import { type DatabaseFinding, found } from './findings.ts';
import { isBatch, isTold, type Page, type Piece, sourceOf } from './piece.ts';
import { compareRows, type ExpectedRow } from './rows.ts';

const CONTROL = 'control';

/** Which entries came from where: exactly the pieces of the page. */
export async function comparePlaces(
  comparison: Comparison,
  { from, to, pieces }: Page,
): Promise<DatabaseFinding[]> {
  const { control, damage } = comparison;
  const table = {
    source: CONTROL,
    table: 'retain.log_seq',
    code: 'E_DB_TREE',
    closed: true,
  } as const;
  const rows = await comparison.read(CONTROL, table.table, () => control.places(from, to));
  const batches = pieces.filter(isBatch);
  if (rows === undefined) {
    for (const { statement } of batches) damage.misplaced.add(statement.batch);
    return [];
  }
  const findings = compareRows(table, pieces.map(placeRow), rows, undefined);
  const wrong = new Set(findings.map(({ row }) => row));
  for (const { index, statement } of batches) {
    if (wrong.has(String(index))) damage.misplaced.add(statement.batch);
  }
  const published = new Set<string | null | undefined>(
    batches.map(({ statement }) => statement.batch),
  );
  for (const { key, batch_id: batch } of rows) {
    if (typeof batch === 'string' && wrong.has(key) && !published.has(batch)) {
      damage.stray.add(batch);
    }
  }
  return findings;
}

function placeRow(piece: Piece): ExpectedRow {
  const { index, leaves, statement, sha256: entry } = piece;
  const batch = isBatch(piece) ? piece.statement.batch : undefined;
  return {
    key: String(index),
    place: { index, ...(batch !== undefined && { batch }) },
    columns: {
      ...{ leaves: String(leaves), source: sourceOf(piece), kind: statement.kind },
      n: isTold(piece) ? String(piece.statement.n) : null,
      ...{ batch_id: batch ?? null, entry: batch === undefined ? entry : null },
    },
  };
}

/** Grows the tree by the page, and compares the tiles that this filled and the checkpoints it passes. */
export async function compareTree(
  comparison: Comparison,
  origin: string,
  before: OpenTree,
  page: Page,
): Promise<{ readonly tree: OpenTree; readonly findings: DatabaseFinding[] }> {
  const { control } = comparison;
  const notes = await comparison.read(CONTROL, 'retain.log_checkpoint', () =>
    control.checkpoints(page.from, page.to),
  );
  const bySize = new Map((notes ?? []).map((row) => [Number(row.key), row['note'] ?? '']));
  const findings: DatabaseFinding[] = [];
  const full: FullTile[] = [];
  let tree = before;
  let waiting: Buffer[] = [];
  page.pieces.forEach(({ index, leaves }, i) => {
    waiting.push(page.leaves[i] ?? Buffer.alloc(0));
    const note = bySize.get(index + leaves);
    if (note === undefined && i < page.pieces.length - 1) return;
    const grown = grow(tree, Buffer.concat(waiting));
    [tree, waiting] = [grown.tree, []];
    full.push(...grown.full);
    bySize.delete(index + leaves);
    if (note !== undefined) findings.push(...checkNote(note, origin, tree));
  });
  // A head is signed between two commits of the sequencer, never within one.
  for (const size of bySize.keys()) findings.push(wrongCheckpoint(size));
  findings.push(...(await compareTiles(comparison, full)));
  return { tree, findings };
}

function checkNote(note: string, origin: string, tree: OpenTree): DatabaseFinding[] {
  try {
    const head = parseCheckpoint(parseNote(Buffer.from(note, 'utf8')).text);
    const same =
      head.origin === origin && head.size === tree.size && head.root.equals(rootOf(tree));
    return same ? [] : [wrongCheckpoint(tree.size)];
  } catch (error) {
    if (!(error instanceof RetentionError)) throw error;
    return [wrongCheckpoint(tree.size)];
  }
}

function wrongCheckpoint(size: number): DatabaseFinding {
  const where = { source: CONTROL, table: 'retain.log_checkpoint', row: String(size) };
  const message = `retain.log_checkpoint ${size} is no head of the published tree.`;
  return found('E_DB_TREE', message, { ...where, columns: ['note'] });
}

/** Level 0 is recomputed from the entries and never stored. */
async function compareTiles(
  comparison: Comparison,
  full: readonly FullTile[],
): Promise<DatabaseFinding[]> {
  const findings: DatabaseFinding[] = [];
  const table = { source: CONTROL, table: 'retain.log_tile', code: 'E_DB_TREE' } as const;
  const levels = new Set(full.map(({ level }) => level).filter((level) => level > 0));
  for (const level of levels) {
    const tiles = full.filter((tile) => tile.level === level);
    const [from, to] = [tiles[0]?.index ?? 0, (tiles.at(-1)?.index ?? 0) + 1];
    const rows = await comparison.read(CONTROL, table.table, () =>
      comparison.control.tiles(level, from, to),
    );
    const expected = tiles.map(({ index, hashes }) => ({
      ...{ key: `${level}/${index}`, place: {} },
      columns: { hashes: sha256(hashes).toString('hex') },
    }));
    if (rows !== undefined) findings.push(...compareRows(table, expected, rows, undefined));
  }
  return findings;
}
