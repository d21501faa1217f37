/** The statement by which the admin key says that another key is valid, or no longer. */
import { instantFromMillis } from '../../domain/instant.ts';
import type { SigningKey } from '../../ledger/ed25519.ts';
import { signEntry } from '../../ledger/entry.ts';
import type { Retain } from '../context.ts';
import type { KnownKey } from './known-keys.ts';

/** A key as a statement names it: a log key by its vkey, a worker key by its public key. */
export type ToldKey = Pick<KnownKey, 'name' | 'publicKey' | 'vkey'>;

/** Tells the ledger, unless it was told the same before: the sequencer appends it next. */
export async function tellOfKey(
  { control }: Pick<Retain, 'control'>,
  admin: SigningKey,
  { name, publicKey, vkey }: ToldKey,
  state: KnownKey['state'],
): Promise<void> {
  const key =
    vkey === undefined
      ? { role: 'worker', public_key: publicKey.toString('base64') }
      : { role: 'log', vkey };
  const at = instantFromMillis(Date.now());
  const body = { v: 1, kind: 'key', name, ...key, state, at, signed_by: admin.name };
  await control.ledger.addKey({ name, state }, signEntry('key', body, admin));
}
