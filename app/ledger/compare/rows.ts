/** Rows of one table against what the published log says of each, key by key and column by column. */
import { type CanonicalValue, canonicalJson } from '../../../ledger/canonical.ts';
import type { Place } from '../../../ledger/verify/findings.ts';
import { type DatabaseFinding, type DatabaseFindingCode, found } from './findings.ts';

/** A row as it was read: every column as text. */
export type AuditedRow = { readonly key: string } & Readonly<Record<string, string | null>>;

/**
 * What a column must say: this text; nothing; the same moment as an instant (the row was written shortly
 * before); a plain name, or an object of such, with this reference; this JSON value.
 */
export type Expected =
  | string
  | null
  | { readonly moment: string }
  | { readonly name: string }
  | { readonly names: Readonly<Record<string, string>> }
  | { readonly json: CanonicalValue };

export interface ExpectedRow {
  readonly key: string;
  readonly columns: Readonly<Record<string, Expected>>;
  readonly place: Place;
}

export interface ComparedTable {
  /** `control` or `store:<id>`. */
  readonly source: string;
  readonly table: string;
  /** For columns that `codes` does not name. */
  readonly code: DatabaseFindingCode;
  readonly codes?: Readonly<Record<string, DatabaseFindingCode>>;
  /** Rows that nothing expects are findings too. */
  readonly closed?: boolean;
}

/** Hex of the reference of a plain name; undefined where the names key is not at hand. */
export type NameReference = ((name: string) => string) | undefined;

/**
 * Between a row and its statement, in one transaction, others are waited for and planned keys deleted: never
 * for an hour.
 */
const MOMENT_MS = 3_600_000;
const PLAIN_KEY = /^[\w./: -]{1,120}$/;

export function compareRows(
  table: ComparedTable,
  expected: readonly ExpectedRow[],
  rows: readonly AuditedRow[],
  nameReference: NameReference,
): DatabaseFinding[] {
  const left = new Map<string, AuditedRow[]>();
  for (const row of rows) left.set(row.key, [...(left.get(row.key) ?? []), row]);
  const findings: DatabaseFinding[] = [];
  for (const one of expected) {
    const [row, ...doubles] = left.get(one.key) ?? [];
    left.delete(one.key);
    if (row === undefined) findings.push(gone(table, one));
    else findings.push(...differences(table, one, row, nameReference));
    if (doubles.length > 0) findings.push(excess(table, one.key, 'is there more than once'));
  }
  if (table.closed === true) {
    for (const key of left.keys()) findings.push(excess(table, key, NOT_PUBLISHED));
  }
  return findings;
}

const NOT_PUBLISHED = 'is not in the published log';

/** A row that is there and should not be. Its key is not ours, so only a plain one is shown. */
export function excess(
  { source, table }: Pick<ComparedTable, 'source' | 'table'>,
  key: string,
  what: string = NOT_PUBLISHED,
): DatabaseFinding {
  const row = PLAIN_KEY.test(key) ? key : '(a key that cannot be printed)';
  return found('E_DB_COUNT', `${table} ${row} ${what}.`, { source, table, row });
}

function gone({ source, table }: ComparedTable, { key, place }: ExpectedRow): DatabaseFinding {
  const where = { source, table, row: key, ...place };
  return found('E_DB_MISSING', `${table} ${key} is gone${toldAt(place)}.`, where);
}

function differences(
  { source, table, code, codes = {} }: ComparedTable,
  { key, columns, place }: ExpectedRow,
  row: AuditedRow,
  nameReference: NameReference,
): DatabaseFinding[] {
  const byCode = new Map<DatabaseFindingCode, string[]>();
  for (const [column, expected] of Object.entries(columns)) {
    if (says(row[column] ?? null, expected, nameReference)) continue;
    const finds = codes[column] ?? code;
    byCode.set(finds, [...(byCode.get(finds) ?? []), column]);
  }
  return [...byCode].map(([finds, differing]) =>
    found(finds, `${table} ${key} was changed in ${differing.join(', ')}${toldAt(place)}.`, {
      ...{ source, table, row: key, columns: differing, ...place },
    }),
  );
}

function toldAt({ index }: Place): string {
  return index === undefined ? '' : `; entry ${index} tells of it`;
}

function says(actual: string | null, expected: Expected, nameReference: NameReference): boolean {
  if (expected === null || actual === null || typeof expected === 'string') {
    return actual === expected;
  }
  if ('moment' in expected) {
    return Math.abs(Date.parse(actual) - Date.parse(expected.moment)) <= MOMENT_MS;
  }
  if ('name' in expected) return isNamed(actual, expected.name, nameReference);
  if ('names' in expected) return areNamed(actual, expected.names, nameReference);
  return isJson(actual, expected.json);
}

function isNamed(plain: unknown, reference: string, nameReference: NameReference): boolean {
  if (typeof plain !== 'string' || plain === '') return false;
  return nameReference === undefined || nameReference(plain) === reference;
}

function areNamed(
  text: string,
  references: Readonly<Record<string, string>>,
  nameReference: NameReference,
): boolean {
  const names = parsed(text);
  if (typeof names !== 'object' || names === null || Array.isArray(names)) return false;
  // What is an object and no list has members by name.
  const plain = names as Readonly<Record<string, unknown>>;
  const fields = Object.keys(references);
  return (
    Object.keys(plain).length === fields.length &&
    fields.every((field) => isNamed(plain[field], references[field] ?? '', nameReference))
  );
}

function isJson(text: string, value: CanonicalValue): boolean {
  try {
    return canonicalJson(parsed(text) as CanonicalValue).equals(canonicalJson(value));
  } catch {
    // Fractions, and numbers beyond what the log can hold, are never what it says.
    return false;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
