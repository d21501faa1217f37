/** Signed heads and their timestamps: each must be one of the published tree, signed by a key of the log. */
import type { ControlRow } from '../../../db/ledger-audit.ts';
import { RetentionError } from '../../../domain/errors.ts';
import { parseCheckpoint } from '../../../ledger/checkpoint.ts';
import { sha256 } from '../../../ledger/hashing.ts';
import { parseNote, verifyNote } from '../../../ledger/note.ts';
import type { Verifier } from '../../../ledger/note-key.ts';
import { type OpenTree, rootOf } from '../../../ledger/open-tree.ts';
import { readTimestamp } from '../../../ledger/timestamp.ts';
import type { Comparison } from './comparison.ts';
import { type DatabaseFinding, found } from './findings.ts';
import type { Page } from './piece.ts';

const CONTROL = 'control';
const CHECKPOINTS = 'retain.log_checkpoint';
const TIMESTAMPS = 'retain.log_timestamp';

/** A stored note about a tree of `size` entries. */
export interface StoredHead {
  readonly table: string;
  readonly size: number;
  readonly note: string;
  /** RFC 3161, hex; of a timestamp. */
  readonly response: string | undefined;
}

/** What every stored note is measured by. */
export interface LogIdentity {
  readonly origin: string;
  /** Keys that the log has named, valid or revoked. */
  readonly keys: readonly Verifier[];
}

/** Those about trees that end within the page. */
export async function storedHeads(
  { control, read }: Comparison,
  { from, to }: Page,
): Promise<StoredHead[]> {
  const checkpoints = await read(CONTROL, CHECKPOINTS, () => control.checkpoints(from, to));
  const timestamps = await read(CONTROL, TIMESTAMPS, () => control.timestamps(from, to));
  const headIn = (table: string) => (row: ControlRow) => ({
    ...{ table, size: Number(row.key), note: row['note'] ?? '' },
    response: row['response'] ?? undefined,
  });
  return [
    ...(checkpoints ?? []).map(headIn(CHECKPOINTS)),
    ...(timestamps ?? []).map(headIn(TIMESTAMPS)),
  ];
}

/** What is wrong with a head that must be that of `tree`. */
export function headFindings(
  head: StoredHead,
  log: LogIdentity,
  tree: OpenTree,
): DatabaseFinding[] {
  const columns = [
    ...(isOfTree(head, log, tree) ? [] : ['note']),
    ...(isTimestamped(head) ? [] : ['response']),
  ];
  return columns.length === 0 ? [] : [wrongHead(head, columns)];
}

/** A head is signed between two commits of the sequencer, never within one. */
export function headWithin(head: StoredHead): DatabaseFinding {
  return wrongHead(head, ['note']);
}

/** The head that was published was stored before. Whether others are gone the log does not tell. */
export async function comparePublishedHead(
  { control, read }: Comparison,
  size: number,
): Promise<DatabaseFinding[]> {
  const rows = await read(CONTROL, CHECKPOINTS, () => control.checkpoints(size - 1, size));
  if (rows === undefined || rows.length > 0) return [];
  const where = { source: CONTROL, table: CHECKPOINTS, row: String(size) };
  return [found('E_DB_MISSING', `${CHECKPOINTS} ${size}, which was published, is gone.`, where)];
}

function isOfTree({ note, size }: StoredHead, { origin, keys }: LogIdentity, tree: OpenTree) {
  return holds(() => {
    const parsed = parseNote(Buffer.from(note, 'utf8'));
    const head = parseCheckpoint(parsed.text);
    verifyNote(parsed, keys);
    return head.origin === origin && head.size === size && head.root.equals(rootOf(tree));
  });
}

/** That it is about this note; whose word it is only the authority's certificate tells. */
function isTimestamped({ note, response }: StoredHead): boolean {
  if (response === undefined) return true;
  const digest = sha256(Buffer.from(note, 'utf8'));
  return holds(() => readTimestamp(Buffer.from(response, 'hex')).digest.equals(digest));
}

/** False also for what is not in its format, or badly signed. */
function holds(check: () => boolean): boolean {
  try {
    return check();
  } catch (error) {
    if (error instanceof RetentionError) return false;
    throw error;
  }
}

function wrongHead({ table, size }: StoredHead, columns: readonly string[]): DatabaseFinding {
  const where = { source: CONTROL, table, row: String(size), columns };
  const what = columns.includes('note')
    ? 'is no head of the published tree that the log has signed'
    : 'has a timestamp of something else';
  return found('E_DB_TREE', `${table} ${size} ${what}.`, where);
}
