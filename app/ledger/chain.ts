/** The chain of one source's statements: each names the entry before it. */
import type { LedgerDb, SourceEnd } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import type { SigningKey } from '../../ledger/ed25519.ts';
import { entrySha256 } from '../../ledger/entry.ts';
import { NO_PREVIOUS } from '../../ledger/statements.ts';
import type { LedgerKeys } from '../ledger-keys.ts';
import { type KnownKeys, requireValid } from './known-keys.ts';
import { statementEntry, type UnsignedStatement } from './statement.ts';
import type { StatementToAppend } from './tree-builder.ts';

export interface Chain {
  /** Number of the last statement; 0 before the first. */
  n(): number;
  /**
   * Signs the next statement. `n` is what the source itself calls it, where it counts: `LEDGER_BROKEN` when
   * that is not the next number. Throws as `requireValid` does unless the worker key is valid by `known`: what
   * the log says up to here.
   */
  next(statement: UnsignedStatement & { readonly n?: number }, known: KnownKeys): StatementToAppend;
  ends(): SourceEnd[];
}

export interface ChainKeys {
  readonly worker: SigningKey;
  readonly names: Buffer;
}

/** To be read before what waits is: the ledger was told of a new key before anybody could read it. */
export async function chainKeys(keys: Pick<LedgerKeys, 'worker' | 'names'>): Promise<ChainKeys> {
  const [worker, names] = await Promise.all([keys.worker(), keys.names()]);
  return { worker, names };
}

/** The chain as the ledger has it. */
export async function chainOf(
  ledger: Pick<LedgerDb, 'sourceEnd'>,
  { worker, names }: ChainKeys,
  source: string,
): Promise<Chain> {
  let end = await ledger.sourceEnd(source);
  return {
    n: () => end?.n ?? 0,
    next({ kind, body, names: plain, at, n: numbered }, known) {
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
      const keys = { worker: requireValid(known, worker), names };
      const entry = statementEntry(statement, { source, n, prev }, keys);
      end = { source, n, entrySha256: entrySha256(entry) };
      return { source, kind, n, entry };
    },
    ends: () => (end === undefined ? [] : [end]),
  };
}
