/** One signed entry of the log as the checks of its meaning see it. */
import type { Statement, StatementOf } from '../statements.ts';

type Kind = Statement['kind'];

/** `S` is what the entry says, its shape checked. */
export interface Said<S extends Statement = Statement> {
  readonly index: number;
  readonly statement: S;
  /** SHA-256 of the complete entry, hex. */
  readonly sha256: string;
  /** The entry is in its format and signed by a key that is valid for it here: it may grant something. */
  readonly signed: boolean;
}

export type SaidOf<K extends Kind> = Said<StatementOf<K>>;

/** Statements that a source tells, one after the other. */
export type Told = Extract<Statement, { readonly source: string }>;

/** When its source says that it happened, RFC 3339 UTC. */
export function instantOf(statement: Statement): string {
  switch (statement.kind) {
    case 'batch':
      return statement.executed_at;
    case 'genesis':
      return statement.created_at;
    default:
      return statement.at;
  }
}

/** Instants in UTC, with microseconds or none, compared. */
export function isBefore(a: string, b: string): boolean {
  return withMicroseconds(a) < withMicroseconds(b);
}

function withMicroseconds(instant: string): string {
  return instant.includes('.') ? instant : instant.replace('Z', '.000000Z');
}
