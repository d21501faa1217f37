/** The keys that the log itself has named so far: what an entry that is not published yet must be signed by. */
import { parseVkey, type Verifier } from '../../../ledger/note-key.ts';
import { keyRing } from '../../../ledger/verify/key-ring.ts';
import type { PublishedPart } from '../published-log.ts';
import type { Piece } from './piece.ts';

export interface NamedKeys {
  /** Takes the next piece in; it is known to be signed as it must be. */
  hear(piece: Piece): void;
  /** What is wrong with the signature of the entry that comes next, or undefined. */
  fault(part: PublishedPart): string | undefined;
  /** Keys of the log, revoked ones too: they signed earlier heads. */
  readonly log: readonly Verifier[];
  /** Names of the worker keys that were revoked. */
  readonly revokedWorkers: ReadonlySet<string>;
}

export function namedKeys(): NamedKeys {
  const ring = keyRing(() => undefined);
  const log = new Map<string, Verifier>();
  const revokedWorkers = new Set<string>();
  const nameLogKey = (vkey: string): void => void log.set(vkey, parseVkey(vkey));
  return {
    hear({ statement, index, sha256 }) {
      if (statement.kind === 'genesis') {
        ring.genesis(statement);
        nameLogKey(statement.log_vkey);
      }
      if (statement.kind !== 'key') return;
      ring.key({ statement, index, sha256, signed: true });
      if (statement.role === 'log') nameLogKey(statement.vkey);
      const { role, state, name } = statement;
      if (role === 'worker' && state === 'revoked') revokedWorkers.add(name);
    },
    fault({ entry, statement, firstIndex }) {
      const isSigned = ring.admits(entry, statement, firstIndex);
      return isSigned ? undefined : 'it is not signed by a key that is valid there';
    },
    revokedWorkers,
    get log() {
      return [...log.values()];
    },
  };
}
