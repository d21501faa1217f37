/** Which keys the log itself says are valid, entry by entry. */
import { type SignedEntry, verifyEntry } from '../entry.ts';
import { type Statement, type StatementOf, signerName } from '../statements.ts';
import type { ReportFinding } from './findings.ts';
import type { SaidOf } from './said.ts';

/** Its name says whether it is an admin's or a worker's, and a statement whose signer is of the other is none. */
interface Key {
  readonly publicKey: Buffer;
  readonly state: 'active' | 'revoked';
}

export interface KeyRing {
  /** Whether the entry is signed by a key that is valid for its kind here; reports it when not. */
  admits(entry: SignedEntry, statement: Statement, index: number): boolean;
  genesis(statement: StatementOf<'genesis'>): void;
  key(said: SaidOf<'key'>): void;
  /** Vkeys that may sign checkpoints. */
  readonly logKeys: ReadonlySet<string>;
}

export function keyRing(report: ReportFinding): KeyRing {
  const keys = new Map<string, Key>();
  const logKeys = new Map<string, Key['state']>();

  function genesis(statement: StatementOf<'genesis'>): void {
    logKeys.set(statement.log_vkey, 'active');
    for (const { name, public_key } of statement.keys) {
      keys.set(name, { publicKey: Buffer.from(public_key, 'base64'), state: 'active' });
    }
  }

  return {
    get logKeys() {
      return new Set([...logKeys].flatMap(([vkey, state]) => (state === 'active' ? [vkey] : [])));
    },
    genesis,
    admits(entry, statement, index) {
      const name = signerName(statement);
      // The genesis brings the key that signs it: whoever trusts the log key trusts its first entry.
      const key = statement.kind === 'genesis' ? ownAdmin(statement) : keys.get(name);
      const why = whyNot(key);
      if (why !== undefined || key === undefined) {
        report('E_KEY', `Entry ${index} (${statement.kind}) is signed by ${name}, ${why}.`, {
          index,
        });
        return false;
      }
      if (verifyEntry(entry, key.publicKey)) return true;
      const code = statement.kind === 'batch' ? 'E_WORKERSIG' : 'E_STATEMENTSIG';
      report(code, `The signature of entry ${index} (${statement.kind}) is not of ${name}.`, {
        index,
      });
      return false;
    },
    key({ statement, index, signed }) {
      const { name, state } = statement;
      const before = statement.role === 'log' ? logKeys.get(statement.vkey) : keys.get(name)?.state;
      if (state === 'revoked' ? before !== 'active' : before === 'revoked') {
        const what =
          state === 'revoked' ? 'revokes a key that is not valid' : 'revives a revoked key';
        report('E_KEY', `Entry ${index} ${what}: ${name}.`, { index });
      }
      if (!signed) return;
      if (statement.role === 'log') {
        logKeys.set(statement.vkey, state);
      } else {
        const publicKey = Buffer.from(statement.public_key, 'base64');
        keys.set(name, { publicKey, state });
      }
    },
  };
}

function ownAdmin({ keys, signed_by }: StatementOf<'genesis'>): Key | undefined {
  const key = keys.find(({ name }) => name === signed_by);
  if (key === undefined) return undefined;
  return { publicKey: Buffer.from(key.public_key, 'base64'), state: 'active' };
}

function whyNot(key: Key | undefined): string | undefined {
  if (key === undefined) return 'a key that the log does not name before it';
  if (key.state === 'revoked') return 'a key that was revoked before it';
  return undefined;
}
