/** What the row that a source told a statement with must say after the published entry. */
import type { JsonObject } from '../../../ledger/entry.ts';
import type { Statement } from '../../../ledger/statements.ts';
import type { Told } from '../../../ledger/verify/said.ts';
import { type Piece, placeOf, type ToldPiece } from './piece.ts';
import type { ExpectedRow } from './rows.ts';

/** Fields that hold the reference of a name, by kind: the row has the plain name. */
const NAMES: Partial<Record<Statement['kind'], readonly string[]>> = {
  plan: ['requested_by'],
  approval: ['requested_by', 'decided_by'],
  'run.open': ['opened_by'],
  'rule.version': ['installed_by'],
  'hold.place': ['matter', 'placed_by'],
  'hold.release': ['released_by'],
};

/** What the sequencer adds to what it was told. */
const ENVELOPE = ['v', 'kind', 'source', 'n', 'prev', 'at', 'signed_by'];

/** Of `retain_guard.event`. */
export function eventRow(piece: ToldPiece, isIndexed: boolean): ExpectedRow {
  const { statement, index } = piece;
  return {
    key: String(statement.n),
    place: placeOf(piece),
    columns: {
      ...told(statement),
      ...(isIndexed && { first_index: String(index) }),
    },
  };
}

/** Of `retain.log_outbox`, by the index that it was given there. */
export function outboxRow(piece: Piece): ExpectedRow {
  const { statement, index, sha256 } = piece;
  const columns =
    'source' in statement
      ? { ...told(statement), entry: null }
      : { kind: statement.kind, body: null, names: { names: {} }, entry: sha256 };
  return { key: String(index), place: placeOf(piece), columns };
}

function told(statement: Told) {
  const names = NAMES[statement.kind] ?? [];
  const fields = Object.entries(statement as JsonObject);
  const isBody = (field: string) => !ENVELOPE.includes(field) && !names.includes(field);
  return {
    kind: statement.kind,
    at: statement.at,
    body: { json: Object.fromEntries(fields.filter(([field]) => isBody(field))) },
    names: {
      names: Object.fromEntries(
        fields.flatMap(([field, value]) =>
          names.includes(field) && typeof value === 'string' ? [[field, value]] : [],
        ),
      ),
    },
  };
}
