/** Which keys the log itself says are valid: from its genesis and its `key` statements. */
import type { LedgerDb, LogRange } from '../../db/ledger.ts';
import { decodeEntry } from '../../ledger/entry.ts';
import { readStatement } from '../../ledger/statements.ts';

export interface KnownKey {
  readonly name: string;
  readonly role: 'admin' | 'worker' | 'log';
  /** 32 bytes; for a log key its vkey says the same. */
  readonly publicKey: Buffer;
  readonly state: 'active' | 'revoked';
  /** Index of the entry that says so. */
  readonly since: number;
}

/** By name, the latest word on each. Log keys carry their vkey in `publicKey` as UTF-8. */
export async function knownKeys(
  ledger: Pick<LedgerDb, 'statements'>,
): Promise<Map<string, KnownKey>> {
  const known = new Map<string, KnownKey>();
  for (const range of await ledger.statements(['genesis', 'key'])) {
    for (const key of keysOf(range)) known.set(key.name, key);
  }
  return known;
}

function keysOf(range: LogRange): KnownKey[] {
  if (range.entry === null) return [];
  const entry = decodeEntry(range.entry);
  if (entry.kind === 'record') return [];
  const statement = readStatement(entry);
  const since = range.firstIndex;
  if (statement.kind === 'genesis') {
    return statement.keys.map(({ role, name, public_key }) => ({
      name,
      role,
      publicKey: Buffer.from(public_key, 'base64'),
      state: 'active',
      since,
    }));
  }
  if (statement.kind !== 'key') return [];
  const { name, role, state } = statement;
  const publicKey =
    statement.role === 'log'
      ? Buffer.from(statement.vkey)
      : Buffer.from(statement.public_key, 'base64');
  return [{ name, role, publicKey, state, since }];
}
