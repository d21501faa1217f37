/** Which keys the log names as valid, as far as a certificate shows it: genesis and `key` statements. */
import { entrySha256, verifyEntry } from '../entry.ts';
import { keyRing } from '../verify/key-ring.ts';
import type { StatementEvidence, Told } from './evidence.ts';
import type { ReportCertificateFinding } from './findings.ts';
import type { VerifiedHead } from './report.ts';

/** What the log says of one key from one entry on. */
interface Word {
  readonly index: number;
  readonly active: boolean;
}

interface NamedKey {
  readonly publicKey: Buffer;
  readonly words: readonly Word[];
}

export interface LogKeys {
  /** The public key, when what the log says of it last before `index` is that it is valid. */
  validBefore(name: string, index: number): Buffer | undefined;
  /** The same, when it was so at any time between the entries `from` and `to`. */
  validWithin(name: string, from: number, to: number): Buffer | undefined;
  /** Keys that are no longer valid, each with the index from which. */
  revoked(): readonly { readonly name: string; readonly index: number }[];
}

/**
 * Follows the keys from the genesis on. Reports `E_GENESIS` for a beginning that is none, `E_ORIGIN` for that
 * of another log, `E_KEY` and `E_STATEMENTSIG` for keys that no valid admin key names, `E_LOGKEY` when none of
 * the log keys that signed the head is one of them. A revocation that the certificate does not carry cannot
 * be seen here: only who reads the whole log can.
 */
export function logKeys(
  entries: readonly StatementEvidence[],
  head: Pick<VerifiedHead, 'origin' | 'logKeys'>,
  report: ReportCertificateFinding,
): LogKeys {
  const ring = keyRing(report);
  const named = new Map<string, NamedKey>();
  const say = (name: string, publicKey: string, word: Word): void => {
    const words = named.get(name)?.words ?? [];
    named.set(name, { publicKey: Buffer.from(publicKey, 'base64'), words: [...words, word] });
  };
  let last = -1;
  let inOrder = entries.length > 0;
  for (const { entry, statement, bytes, proof } of entries) {
    const { index } = proof;
    const isFirst = last < 0;
    const isGenesis = statement.kind === 'genesis';
    inOrder = index > last && isFirst === (index === 0) && isFirst === isGenesis;
    if (!inOrder) break;
    last = index;
    const signed = ring.admits(entry, statement, index);
    if (statement.kind === 'genesis') {
      if (statement.origin !== head.origin) {
        report('E_ORIGIN', 'The genesis is that of another log than the one of the checkpoint.');
      }
      ring.genesis(statement);
      for (const key of statement.keys) say(key.name, key.public_key, { index, active: true });
    } else if (statement.kind === 'key') {
      ring.key({ index, statement, sha256: entrySha256(bytes).toString('hex'), signed });
      if (statement.role === 'log') continue;
      say(statement.name, statement.public_key, { index, active: statement.state === 'active' });
    }
  }
  if (!inOrder) {
    report(
      'E_GENESIS',
      'The keys do not begin with the genesis, or are not in the order of the log.',
    );
  }
  if (!head.logKeys.some((vkey) => ring.logKeys.has(vkey))) {
    report('E_LOGKEY', 'The log does not name the log key that signed the checkpoint as valid.');
  }
  return questions(named);
}

/** Whether this key has signed the entry; there may be none. */
export function isSignedBy({ entry }: Told, publicKey: Buffer | undefined): boolean {
  return publicKey !== undefined && verifyEntry(entry, publicKey);
}

function questions(named: ReadonlyMap<string, NamedKey>): LogKeys {
  const validBefore = (name: string, index: number): Buffer | undefined => {
    const key = named.get(name);
    const word = key?.words.findLast((one) => one.index < index);
    return word?.active ? key?.publicKey : undefined;
  };
  return {
    validBefore,
    validWithin(name, from, to) {
      const key = named.get(name);
      const begins = key?.words.some(({ index, active }) => active && index >= from && index < to);
      return begins ? key?.publicKey : validBefore(name, from);
    },
    revoked: () =>
      [...named].flatMap(([name, { words }]) => {
        const word = words.at(-1);
        return word?.active === false ? [{ name, index: word.index }] : [];
      }),
  };
}
