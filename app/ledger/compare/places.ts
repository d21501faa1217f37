/** The control database's own account of the tree: which entries came from where, tiles, heads. */
import { sha256 } from '../../../ledger/hashing.ts';
import { type FullTile, grow, type OpenTree } from '../../../ledger/open-tree.ts';
import type { Comparison } from './comparison.ts';
import type { DatabaseFinding } from './findings.ts';
import {
  headFindings,
  headWithin,
  type LogIdentity,
  type StoredHead,
  storedHeads,
} from './heads.ts';
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

/** Grows the tree by the page, and compares the tiles that this filled and the heads that it passes. */
export async function compareTree(
  comparison: Comparison,
  { tree: before, ...log }: LogIdentity & { readonly tree: OpenTree },
  page: Page,
): Promise<{ readonly tree: OpenTree; readonly findings: DatabaseFinding[] }> {
  const bySize = new Map<number, StoredHead[]>();
  for (const head of await storedHeads(comparison, page)) {
    bySize.set(head.size, [...(bySize.get(head.size) ?? []), head]);
  }
  const findings: DatabaseFinding[] = [];
  const full: FullTile[] = [];
  let tree = before;
  let waiting: Buffer[] = [];
  page.pieces.forEach(({ index, leaves }, i) => {
    waiting.push(page.leaves[i] ?? Buffer.alloc(0));
    const heads = bySize.get(index + leaves) ?? [];
    if (heads.length === 0 && i < page.pieces.length - 1) return;
    const grown = grow(tree, Buffer.concat(waiting));
    [tree, waiting] = [grown.tree, []];
    full.push(...grown.full);
    bySize.delete(index + leaves);
    for (const head of heads) findings.push(...headFindings(head, log, tree));
  });
  for (const head of [...bySize.values()].flat()) findings.push(headWithin(head));
  findings.push(...(await compareTiles(comparison, full)));
  return { tree, findings };
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
