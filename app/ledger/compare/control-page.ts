/** One page of the log against what the control database has to say beside the tree. */
import type { ControlRow } from '../../../db/ledger-audit.ts';
import type { Comparison } from './comparison.ts';
import type { DatabaseFinding } from './findings.ts';
import { type Page, type Piece, sourceOf } from './piece.ts';
import type { Restores } from './restores.ts';
import { type ComparedTable, compareRows, type ExpectedRow } from './rows.ts';
import { outboxRow } from './statement-rows.ts';
import { piecesOf, runIndexRow, scheduleRow } from './subject-rows.ts';

const CONTROL = 'control';

type Table = Omit<ComparedTable, 'source'>;

export async function compareControlPage(
  comparison: Comparison,
  restores: Restores,
  page: Page,
): Promise<DatabaseFinding[]> {
  const { control, damage } = comparison;
  const compare = async (
    table: Table,
    expected: readonly ExpectedRow[],
    rows: () => Promise<readonly ControlRow[]>,
  ): Promise<DatabaseFinding[]> => {
    const read = await comparison.read(CONTROL, table.table, rows);
    if (read === undefined) return [];
    return compareRows({ source: CONTROL, ...table }, expected, read, comparison.nameReference);
  };
  const there = page.pieces.filter(({ index }) => !restores.forgotten(index));
  const outbox = await compare(
    { table: 'retain.log_outbox', code: 'E_DB_STATEMENT', closed: true },
    page.pieces.filter(isInOutbox).map(outboxRow),
    () => control.outbox(page.from, page.to),
  );
  const schedules = piecesOf(there, 'rule.version').map(scheduleRow);
  const unread = damage.unread.has('control retain.log_outbox');
  const wrong = new Set(outbox.map(({ index }) => index));
  for (const { key, place } of schedules) {
    if (unread || wrong.has(place.index)) damage.untold.add(`control rule.version ${key}`);
  }
  return [
    ...outbox.filter((finding) => !isForgotten(finding, restores)),
    ...(await compare({ table: 'retain.schedule_version', code: 'E_DB_ROW' }, schedules, () =>
      control.scheduleVersions(schedules.map(({ key }) => Number(key))),
    )),
    ...(await compareRuns(compare, comparison, there)),
  ];
}

function isForgotten({ code, index }: DatabaseFinding, restores: Restores): boolean {
  return code === 'E_DB_MISSING' && index !== undefined && restores.forgotten(index);
}

/** A recovery appends its own statement, and no row of the outbox tells of it. */
function isInOutbox(piece: Piece): boolean {
  const { kind } = piece.statement;
  return sourceOf(piece) === CONTROL && kind !== 'replay';
}

/**
 * A run is entered here after its plan was registered in the store, so an entry may be missing; not when
 * somebody has decided on the plan, who can only have found it here.
 */
async function compareRuns(
  compare: (
    table: Table,
    expected: readonly ExpectedRow[],
    rows: () => Promise<readonly ControlRow[]>,
  ) => Promise<DatabaseFinding[]>,
  { control }: Comparison,
  pieces: readonly Piece[],
): Promise<DatabaseFinding[]> {
  const table = { table: 'retain.run', code: 'E_DB_ROW' } as const;
  const plans = piecesOf(pieces, 'plan').map(runIndexRow);
  const known = await compare(table, plans, () => control.runs(plans.map(({ key }) => key)));
  const decided = piecesOf(pieces, 'approval').map(({ index, statement: { run } }) => ({
    ...{ key: run, place: { index, run }, columns: {} },
  }));
  return [
    ...known.filter(({ code }) => code !== 'E_DB_MISSING'),
    ...(await compare(table, decided, () => control.runs(decided.map(({ key }) => key)))),
  ];
}
