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
import { toldKeys, validLogKeys } from './known-keys.ts';

export interface BegunLedger {
  readonly origin: string;
  /** The verifier key of the log key in use: what an auditor's policy file names. */
  readonly vkey: string;
}

/**
 * Begins the ledger of this control database. The origin is its name for ever; asking again for the same one
 * with a log key that is valid in it is the same answer. Throws `USAGE` for a name that is no origin,
 * `LEDGER_EXISTS` when there is another ledger, or was one that this signer signed, `LEDGER_KEY_MISSING` without
 * keys.
 */
export async function beginLedger(retain: Retain, origin: string): Promise<BegunLedger> {
  if (!isOrigin(origin)) {
    throw new RetentionError(
      'USAGE',
      'The origin of a log is a host and a path without a scheme, such as retain.example.com/housing.',
    );
  }
  const there = await genesisHere(retain);
  const [log] = await retain.ledgerKeys.log();
  const begun = { origin, vkey: logVkey(origin, log) };
  if (there !== undefined) {
    await requireSame(retain, there, begun);
    return begun;
  }
  const [admin, worker] = await Promise.all([
    retain.ledgerKeys.admin(),
    retain.ledgerKeys.worker(),
    retain.ledgerKeys.names(),
  ]);
  const genesis = signEntry(
    'genesis',
    {
      v: 1,
      kind: 'genesis',
      origin,
      created_at: instantFromMillis(Date.now()),
      log_vkey: begun.vkey,
      keys: [named('admin', admin), named('worker', worker)],
      signed_by: admin.name,
    },
    admin,
  );
  await retain.control.ledger.begin(
    { origin, size: 0, root: EMPTY_ROOT, open: Buffer.alloc(0) },
    genesis,
  );
  return begun;
}

/**
 * The genesis of this control database; undefined before it begins. Throws `LEDGER_EXISTS` when the signer
 * remembers a ledger that the database does not have: a second genesis under these keys would be a second truth.
 */
export async function genesisHere({
  control,
  ledgerSigner,
}: Pick<Retain, 'control' | 'ledgerSigner'>): Promise<Buffer | undefined> {
  const there = await control.ledger.genesis();
  const signed = there === undefined ? await ledgerSigner.last() : undefined;
  if (signed === undefined) return there;
  throw new RetentionError(
    'LEDGER_EXISTS',
    `This key folder has signed a ledger of ${signed.size} entries, which this control database does not have. Restore the control database from its backup and run: retain log recover`,
    { signed: signed.size },
  );
}

async function requireSame(
  { control }: Pick<Retain, 'control'>,
  there: Buffer,
  { origin, vkey }: BegunLedger,
): Promise<void> {
  const entry = decodeEntry(there);
  const genesis = entry.kind === 'genesis' ? readStatement(entry) : undefined;
  const isValid = validLogKeys(await toldKeys(control.ledger)).includes(vkey);
  if (genesis?.kind === 'genesis' && genesis.origin === origin && isValid) return;
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
