/** What administrators do to keys. Each change is an entry of the ledger before it takes effect. */
import type { Retain } from '../context.ts';
import { createLedgerKeys } from '../ledger-keys.ts';
import { type BegunLedger, beginLedger, genesisHere } from './begin.ts';
import { type KnownKey, toldKeys, validLogKeys } from './known-keys.ts';
import { requireHead } from './sequence.ts';

export interface InitialisedKeys extends BegunLedger {
  /** Key files that were made, by their names in the key folder. */
  readonly made: readonly string[];
}

/**
 * Makes the keys that are missing and begins the ledger. Once it has begun no key is made: a new one in the place
 * of one that is kept elsewhere would be none of its keys. Throws as `beginLedger` does.
 */
export async function initialiseKeys(
  retain: Retain,
  keyDir: string,
  origin: string,
): Promise<InitialisedKeys> {
  const begins = (await genesisHere(retain)) === undefined;
  const made = begins ? await createLedgerKeys(keyDir) : [];
  return { ...(await beginLedger(retain, origin)), made };
}

/** Every key the ledger was told of, oldest first. */
export async function listKeys({ control }: Pick<Retain, 'control'>): Promise<KnownKey[]> {
  await requireHead(control.ledger);
  return [...(await toldKeys(control.ledger)).values()];
}

/**
 * A policy that trusts this log without witnesses: where an auditor begins. It names every log key that is valid,
 * the newest first: between rotation and revocation either is enough.
 */
export async function startingPolicy({ control }: Pick<Retain, 'control'>): Promise<string> {
  await requireHead(control.ledger);
  const vkeys = validLogKeys(await toldKeys(control.ledger));
  return [...vkeys.map((vkey) => `log ${vkey}`), 'quorum none', ''].join('\n');
}
