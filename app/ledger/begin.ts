/** The first entry of a ledger: which log this is and whose keys it trusts. */
import { RetentionError } from '../../domain/errors.ts';
import { instantFromMillis } from '../../domain/instant.ts';
import { isOrigin } from '../../ledger/checkpoint.ts';
import type { SigningKey } from '../../ledger/ed25519.ts';
import { decodeEntry, signEntry } from '../../ledger/entry.ts';
import { EMPTY_ROOT } from '../../ledger/hashing.ts';
import { formatVkey, NOTE_SIGNATURE } from '../../ledger/note-key.ts';
import { readStatement } from '../../ledger/statements.ts';
import type { Retain } from '../context.ts';

export interface BegunLedger {
  readonly origin: string;
  /** The log's verifier key: what an auditor's policy file names. */
  readonly vkey: string;
}

/**
 * Begins the ledger of this control database. The origin is its name for ever; asking again for the same one
 * with the same log key is the same answer. Throws `USAGE` for a name that is no origin, `LEDGER_EXISTS`
 * when there is another ledger, `LEDGER_KEY_MISSING` without keys.
 */
export async function beginLedger(retain: Retain, origin: string): Promise<BegunLedger> {
  if (!isOrigin(origin)) {
    throw new RetentionError(
      'USAGE',
      'The origin of a log is a host and a path without a scheme, such as retain.example.com/housing.',
    );
  }
  const [admin, worker, log] = await Promise.all([
    retain.ledgerKeys.admin(),
    retain.ledgerKeys.worker(),
    retain.ledgerKeys.log(),
    retain.ledgerKeys.names(),
  ]);
  const vkey = logVkey(origin, log);
  const there = await retain.control.ledger.genesis();
  if (there !== undefined) return requireSame(there, { origin, vkey });
  const genesis = signEntry(
    'genesis',
    {
      v: 1,
      kind: 'genesis',
      origin,
      created_at: instantFromMillis(Date.now()),
      log_vkey: vkey,
      keys: [named('admin', admin), named('worker', worker)],
      signed_by: admin.name,
    },
    admin,
  );
  await retain.control.ledger.begin(
    { origin, size: 0, root: EMPTY_ROOT, open: Buffer.alloc(0) },
    genesis,
  );
  return { origin, vkey };
}

function requireSame(there: Buffer, asked: BegunLedger): BegunLedger {
  const entry = decodeEntry(there);
  const genesis = entry.kind === 'genesis' ? readStatement(entry) : undefined;
  if (
    genesis?.kind === 'genesis' &&
    genesis.origin === asked.origin &&
    genesis.log_vkey === asked.vkey
  ) {
    return asked;
  }
  throw new RetentionError(
    'LEDGER_EXISTS',
    'This control database has a ledger already, with another name or another log key. A second one would be a second truth.',
  );
}

/** How an auditor's policy file names the log. */
export function logVkey(origin: string, log: Pick<SigningKey, 'publicKey'>): string {
  return formatVkey(origin, log.publicKey, NOTE_SIGNATURE.ed25519);
}

function named(
  role: 'admin' | 'worker',
  key: SigningKey,
): { role: 'admin' | 'worker'; name: string; public_key: string } {
  return { role, name: key.name, public_key: key.publicKey.toString('base64') };
}
