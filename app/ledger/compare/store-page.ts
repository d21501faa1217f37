/** One page of the log against the rows of the store that told it. */
import { type AuditTable, auditRows } from '../../../stores/postgres/audit-rows.ts';
import { batchRow, sealRow } from './batch-rows.ts';
import type { Comparison } from './comparison.ts';
import type { DatabaseFinding } from './findings.ts';
import { type BatchPiece, isBatch, isTold, type Piece, type ToldPiece } from './piece.ts';
import { type ComparedTable, compareRows, type ExpectedRow } from './rows.ts';
import { eventRow } from './statement-rows.ts';
import {
  piecesOf,
  type Subjects,
  stepSubjects,
  storeSubjects,
  subjectKey,
} from './subject-rows.ts';

/** A table of one store, by its name without the schema. */
type Table = Omit<ComparedTable, 'source' | 'table'> & { readonly table: AuditTable };
/** Given the keys of rows that have no index yet. */
type Expect = (open: ReadonlySet<string>) => readonly ExpectedRow[];

const SEALS: Table = {
  ...{ table: 'batch_sealed', code: 'E_DB_HEADER' },
  codes: { refs: 'E_DB_ITEM', first_index: 'E_DB_INDEX' },
};
const EVENTS: Table = {
  ...{ table: 'event', code: 'E_DB_STATEMENT' },
  ...{ codes: { first_index: 'E_DB_INDEX' }, closed: true },
};

/** `excused`: of the pieces, those that the store lost. */
export async function compareStorePage(
  comparison: Comparison,
  source: string,
  pieces: readonly Piece[],
  excused: ReadonlySet<Piece>,
): Promise<DatabaseFinding[]> {
  const compare = comparing(comparison, source);
  const there = pieces.filter((piece) => !excused.has(piece));
  // Their numbers are taken: whatever stands there now was put there.
  const taken = pieces.filter((piece) => excused.has(piece)).filter(isTold);
  return [
    ...(await compareBatches(comparison, compare, source, there.filter(isBatch))),
    ...(await compareTold(comparison, compare, source, there.filter(isTold), taken)),
    ...(await compareSubjects(compare, there)),
  ];
}

async function compareBatches(
  { damage }: Comparison,
  compare: Compare,
  source: string,
  batches: readonly BatchPiece[],
): Promise<DatabaseFinding[]> {
  const keys = batches.map(({ statement }) => statement.batch);
  const rows = await compare({ table: 'batch', code: 'E_DB_HEADER' }, keys, () =>
    batches.map(batchRow),
  );
  const wrong = new Set(rows.map(({ row }) => row));
  for (const { statement } of batches) {
    const { batch, run, step, lane } = statement;
    if (wrong.has(batch)) damage.lanes.add(`${source} ${run}/${step}/${lane}`);
  }
  const seals = await compare(SEALS, keys, (open) =>
    batches.map((piece) => sealRow(piece, !open.has(piece.statement.batch))),
  );
  return [...rows, ...seals];
}

async function compareTold(
  { damage }: Comparison,
  compare: Compare,
  source: string,
  told: readonly ToldPiece[],
  taken: readonly ToldPiece[],
): Promise<DatabaseFinding[]> {
  const findings = await compare(
    EVENTS,
    [...told, ...taken].map(({ statement }) => String(statement.n)),
    (open) => told.map((piece) => eventRow(piece, !open.has(String(piece.statement.n)))),
  );
  const wrong = new Set(findings.map(({ row }) => row));
  const unread = damage.unread.has(`${source} retain_guard.event`);
  for (const { statement } of told) {
    if (!unread && !wrong.has(String(statement.n))) continue;
    damage.untold.add(`${source} ${statement.kind} ${subjectKey(statement)}`);
  }
  return findings;
}

type Compare = (
  table: Table,
  keys: readonly string[],
  expect: Expect,
) => Promise<DatabaseFinding[]>;

/**
 * An index that is not noted yet is no difference here: the sequencer notes it after it has appended. What
 * stays without one is found among the leftovers.
 */
function comparing(comparison: Comparison, source: string): Compare {
  return async ({ table: name, ...how }, keys, expect) => {
    const table = { ...how, source, table: `retain_guard.${name}` };
    const connection = keys.length === 0 ? undefined : await comparison.store(source);
    if (connection === undefined) return [];
    const rows = await comparison.read(source, table.table, () =>
      auditRows(connection.sql, connection.store, name, keys),
    );
    if (rows === undefined) return [];
    const open = rows.flatMap(({ key, first_index: index }) => (index === null ? [key] : []));
    return compareRows(table, expect(new Set(open)), rows, comparison.nameReference);
  };
}

async function compareSubjects(
  compare: Compare,
  pieces: readonly Piece[],
): Promise<DatabaseFinding[]> {
  const each = ({ table, keys, expected, code, closed }: Subjects): Promise<DatabaseFinding[]> =>
    compare({ table, code, closed }, keys, () => expected);
  const findings: DatabaseFinding[] = [];
  for (const subjects of storeSubjects(pieces)) findings.push(...(await each(subjects)));
  // By another document its steps would all be wrong: that says nothing about them.
  const otherPlans = new Set(
    findings.filter(({ table }) => table === 'retain_guard.plan').map(({ row }) => row),
  );
  const plans = piecesOf(pieces, 'plan').filter(({ statement }) => !otherPlans.has(statement.run));
  return [...findings, ...(await each(stepSubjects(plans)))];
}
