/** The chain of one source's statements: each names the entry before it. */
import type { LedgerDb, SourceEnd } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import { entrySha256 } from '../../ledger/entry.ts';
import { NO_PREVIOUS } from '../../ledger/statements.ts';
import type { LedgerKeys } from '../ledger-keys.ts';
import { statementEntry, type UnsignedStatement } from './statement.ts';
import type { StatementToAppend } from './tree-builder.ts';

export interface Chain {
  /** Number of the last statement; 0 before the first. */
  n(): number;
  /**
   * Signs the next statement. `n` is what the source itself calls it, where it counts: `LEDGER_BROKEN`
   * when that is not the next number.
   */
  next(statement: UnsignedStatement & { readonly n?: number }): StatementToAppend;
  ends(): SourceEnd[];
}

/** The chain as the ledger has it. */
export async function chainOf(
  ledger: Pick<LedgerDb, 'sourceEnd'>,
  keys: Pick<LedgerKeys, 'worker' | 'names'>,
  source: string,
): Promise<Chain> {
  const [worker, names] = await Promise.all([keys.worker(), keys.names()]);
  let end = await ledger.sourceEnd(source);
  return {
    n: () => end?.n ?? 0,
    next({ kind, body, names: plain, at, n: numbered }) {
      const n = (end?.n ?? 0) + 1;
      if (numbered !== undefined && numbered !== n) {
        throw new RetentionError(
          'LEDGER_BROKEN',
          `A statement of ${source} is gone: the ledger has ${n - 1}, the next one there is ${numbered}.`,
          { source, expected: n, found: numbered },
        );
      }
      const prev = end?.entrySha256.toString('hex') ?? NO_PREVIOUS;
      const statement = { kind, body, names: plain, at };
      const entry = statementEntry(statement, { source, n, prev }, { worker, names });
      end = { source, n, entrySha256: entrySha256(entry) };
      return { source, kind, n, entry };
    },
    ends: () => (end === undefined ? [] : [end]),
  };
}
