/** What comparing the databases with the published log can find. Codes never change their meaning. */
import type { Place, Severity } from '../../../ledger/verify/findings.ts';

interface DatabaseFindingKind {
  /** 16 for what differs; 1 for what asks for a look. */
  readonly exit: 16 | 1;
  /** What is wrong when this is found; one clause. */
  readonly means: string;
}

/** Every code, beside those of the verification of the log itself. */
export const DATABASE_FINDING_CODES = {
  E_DB_MISSING: { exit: 16, means: 'a row that the published log speaks of is gone' },
  E_DB_HEADER: { exit: 16, means: 'a batch says something else than its published header' },
  E_DB_ITEM: { exit: 16, means: 'the references of a batch are not those of its header' },
  E_DB_INDEX: { exit: 16, means: 'a row names another place in the log than it has' },
  E_DB_STATEMENT: { exit: 16, means: 'what a source told is not what was published' },
  E_DB_ROW: { exit: 16, means: 'a row that a statement is about says something else' },
  E_DB_LANE: { exit: 16, means: 'a lane has other totals than its batches or its run' },
  E_DB_TREE: { exit: 16, means: 'the control database has another tree than was published' },
  E_DB_COUNT: { exit: 16, means: 'a table has rows, or a number of them, that nothing published' },
  E_DB_UNSEQUENCED: { exit: 16, means: 'something was committed and never got into the log' },
  E_DB_GUARD: {
    exit: 16,
    means: 'the guard, or a table of the ledger, is not as it was installed',
  },
  E_DB_AHEAD: {
    exit: 1,
    means: 'the databases have entries that this copy of the log does not, or of a time to come',
  },
} as const satisfies Record<string, DatabaseFindingKind>;

export type DatabaseFindingCode = keyof typeof DATABASE_FINDING_CODES;

/** One difference: which row of which table, and where in the log it is told otherwise. */
export interface DatabaseFinding extends Place {
  readonly code: DatabaseFindingCode;
  readonly severity: Severity;
  /** One sentence without any value of the row but its key. */
  readonly message: string;
  /** Whose database: `control` or `store:<id>`. */
  readonly source: string;
  /** Schema and table. */
  readonly table: string;
  /** Key of the row; missing when the finding is about the table. */
  readonly row?: string;
  /** Columns that differ. */
  readonly columns?: readonly string[];
}

export type FoundWhere = Omit<DatabaseFinding, 'code' | 'severity' | 'message'>;

export function found(
  code: DatabaseFindingCode,
  message: string,
  where: FoundWhere,
): DatabaseFinding {
  const severity = DATABASE_FINDING_CODES[code].exit === 1 ? 'warning' : 'error';
  return { code, severity, message, ...where };
}

/** The log follows within a minute, or disposal stops. */
const LATEST_SECONDS = 60;

/** What was committed `seconds` ago and is not in the log; undefined while it may still be on its way. */
export function unsequenced(
  where: FoundWhere & { readonly row: string },
  seconds: number,
): DatabaseFinding | undefined {
  if (Math.abs(seconds) <= LATEST_SECONDS) return undefined;
  // A time to come would hide for how long.
  const how = seconds > 0 ? `for ${Math.floor(seconds)} seconds` : 'and is of a time to come';
  const message = `${where.table} ${where.row} has waited for the log ${how}.`;
  return found('E_DB_UNSEQUENCED', message, where);
}
