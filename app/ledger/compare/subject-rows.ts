/**
 * What the rows that statements are about must still say: plans, decisions, runs, holds, epoch keys, schedule
 * versions. Columns that no statement tells of (reasons in free words, positions of cursors, when somebody
 * paused a run) cannot be compared with anything.
 */
import type { StatementOf } from '../../../ledger/statements.ts';
import type { Told } from '../../../ledger/verify/said.ts';
import type { AuditTable } from '../../../stores/postgres/audit-rows.ts';
import type { DatabaseFindingCode } from './findings.ts';
import { isTold, type Piece, placeOf } from './piece.ts';
import type { ExpectedRow } from './rows.ts';

/** One table of a store, and what of it a page of the log tells. */
export interface Subjects {
  readonly table: AuditTable;
  /** What rows are asked for by. */
  readonly keys: readonly string[];
  readonly expected: readonly ExpectedRow[];
  readonly code: DatabaseFindingCode;
  /** All rows with these keys are told of: any other was put there. */
  readonly closed: boolean;
}

type PieceOf<K extends Told['kind']> = Piece<StatementOf<K> & Told>;

/** Of a store. Plans come before their steps. */
export function storeSubjects(pieces: readonly Piece[]): Subjects[] {
  const of = <K extends Told['kind']>(kind: K) => piecesOf(pieces, kind);
  const [plans, placed] = [of('plan'), of('hold.place')];
  return [
    subjects('plan', plans.map(planRow)),
    subjects('decision', of('approval').map(decisionRow)),
    subjects('run', of('run.open').map(openedRow)),
    subjects('run', of('run.close').map(closedRow)),
    { ...subjects('lane', of('run.close').map(laneSums)), code: 'E_DB_LANE' },
    subjects('hold', placed.map(placedRow)),
    subjects('hold', of('hold.release').map(releasedRow)),
    subjects('hold', of('hold.freeze').map(frozenRow)),
    ...holdScopes(placed),
    subjects('key_epoch', of('epoch.open').map(epochRow)),
    subjects('key_epoch', of('epoch.destroy').map(destroyedRow)),
  ];
}

/** Statement texts of the steps; only of plans whose document is the one that was published. */
export function stepSubjects(plans: readonly PieceOf<'plan'>[]): Subjects {
  const steps = plans.flatMap((piece) =>
    piece.statement.steps.map(({ step }) => ({
      key: `${piece.statement.run}/${step}`,
      place: placeOf(piece),
      columns: { statements: 'true' },
    })),
  );
  const keys = plans.map(({ statement }) => statement.run);
  return { table: 'step', keys, expected: steps, code: 'E_DB_ROW', closed: true };
}

export function scheduleRow(piece: PieceOf<'rule.version'>): ExpectedRow {
  const { version, sha256, installed_by, at } = piece.statement;
  return row(piece, String(version), {
    ...{ sha256, document: sha256 },
    ...{ installed_by: { name: installed_by }, installed_at: { moment: at } },
  });
}

/** The index entry of a run in the control database. */
export function runIndexRow(piece: PieceOf<'plan'>): ExpectedRow {
  const { run, source, sha256, schedule_version, requested_by } = piece.statement;
  return row(piece, run, {
    ...{ store: source.replace(/^store:/, ''), schedule_version: String(schedule_version) },
    ...{ requested_by: { name: requested_by }, digest: `sha256:${sha256}` },
  });
}

/** What a statement is about, as the store's own rows name it. */
export function subjectKey(statement: Told): string {
  if ('run' in statement) return statement.run;
  if ('hold' in statement) return String(statement.hold);
  return 'epoch' in statement ? statement.epoch : '';
}

export function piecesOf<K extends Told['kind']>(pieces: readonly Piece[], kind: K): PieceOf<K>[] {
  // A piece whose statement is of the kind has a statement of that kind.
  return pieces.filter((piece) => isTold(piece) && piece.statement.kind === kind) as PieceOf<K>[];
}

function subjects(table: AuditTable, expected: readonly ExpectedRow[]): Subjects {
  const keys = expected.map(({ key }) => key);
  return { table, keys, expected, code: 'E_DB_ROW', closed: false };
}

function row(piece: Piece, key: string, columns: ExpectedRow['columns']): ExpectedRow {
  return { key, place: placeOf(piece), columns };
}

function planRow(piece: PieceOf<'plan'>): ExpectedRow {
  const { run, sha256, requested_by, at, expires_at, hold_version } = piece.statement;
  return row(piece, run, {
    ...{ document: sha256, digest: `sha256:${sha256}`, requested_by: { name: requested_by } },
    ...{ created_at: { moment: at }, expires_at, hold_version, t0: 'true' },
  });
}

function decisionRow(piece: PieceOf<'approval'>): ExpectedRow {
  const { run, sha256, decision, requested_by, decided_by, at } = piece.statement;
  return row(piece, run, {
    ...{ digest: `sha256:${sha256}`, decision, requested_by: { name: requested_by } },
    ...{ decided_by: { name: decided_by }, decided_at: { moment: at } },
  });
}

function openedRow(piece: PieceOf<'run.open'>): ExpectedRow {
  const { run, opened_by, at } = piece.statement;
  return row(piece, run, { opened_by: { name: opened_by }, opened_at: { moment: at } });
}

function closedRow(piece: PieceOf<'run.close'>): ExpectedRow {
  const { run, outcome, at } = piece.statement;
  return row(piece, run, { outcome, closed_at: { moment: at } });
}

/** What became of the records that were not destroyed: the batches tell of the others. */
function laneSums(piece: PieceOf<'run.close'>): ExpectedRow {
  const { run, held, blocked, changed, gone } = piece.statement;
  return row(piece, run, {
    ...{ held: String(held), blocked: String(blocked) },
    ...{ changed: String(changed), gone: String(gone) },
  });
}

function placedRow(piece: PieceOf<'hold.place'>): ExpectedRow {
  const { hold, matter, reason, placed_by, placed_at, effective_at, review_on, version } =
    piece.statement;
  return row(piece, String(hold), {
    ...{ matter_id: { name: matter }, reason, placed_by: { name: placed_by } },
    ...{ placed_at, effective_at, review_on, version, matter: 'true' },
  });
}

function releasedRow(piece: PieceOf<'hold.release'>): ExpectedRow {
  const { hold, version, released_at, released_by } = piece.statement;
  return row(piece, String(hold), {
    ...{ released_version: version, released_at, released_by: { name: released_by } },
  });
}

function frozenRow(piece: PieceOf<'hold.freeze'>): ExpectedRow {
  const { hold, frozen_at } = piece.statement;
  return row(piece, String(hold), { frozen_at });
}

/** The log tells how many keys and subjects a hold names, and of which kinds; not which. */
function holdScopes(placed: readonly PieceOf<'hold.place'>[]): Subjects[] {
  const holds = placed.map(({ statement }) => String(statement.hold));
  const scope = (
    table: 'hold_key' | 'hold_subject',
    column: 'keys' | 'subjects',
    of: (statement: StatementOf<'hold.place'>) => Readonly<Record<string, number>>,
  ): Subjects => ({
    ...{ table, keys: holds, code: 'E_DB_ROW', closed: true },
    expected: placed.flatMap((piece) =>
      Object.entries(of(piece.statement)).map(([name, count]) =>
        row(piece, `${piece.statement.hold} ${name}`, { [column]: String(count) }),
      ),
    ),
  });
  const reach = placed.flatMap((piece) => [
    ...Object.keys(piece.statement.classes).map((name) => ({ piece, kind: 'class', name })),
    ...Object.keys(piece.statement.subjects).map((name) => ({ piece, kind: 'subject', name })),
  ]);
  const seen = new Map(reach.map((one) => [`${one.kind} ${one.name}`, one]));
  return [
    scope('hold_key', 'keys', ({ classes }) => classes),
    scope('hold_subject', 'subjects', ({ subjects: kinds }) => kinds),
    {
      ...{ table: 'hold_reach', code: 'E_DB_ROW', closed: false },
      keys: [...seen.values()].map(({ name }) => name),
      expected: [...seen].map(([key, { piece }]) => row(piece, key, {})),
    },
  ];
}

function epochRow(piece: PieceOf<'epoch.open'>): ExpectedRow {
  const { epoch, commitment, destroy_after, at } = piece.statement;
  return row(piece, epoch, { commitment, destroy_after, opened_at: { moment: at } });
}

function destroyedRow(piece: PieceOf<'epoch.destroy'>): ExpectedRow {
  const { epoch, at } = piece.statement;
  return row(piece, epoch, { destroyed_at: { moment: at } });
}
