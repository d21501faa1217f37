/** Who a certificate names: the log refers to people, and the store that told of them has their names. */
import { RetentionError } from '../../domain/errors.ts';
import type { OpenedName } from '../../ledger/certificate/format.ts';
import { nameReference } from '../../ledger/names.ts';
import type { StoreConnection } from '../../stores/postgres/connection.ts';
import { asStore } from '../../stores/postgres/driver-error.ts';
import type { Desk } from './desk.ts';

/**
 * The name behind each of `refs`, which are references out of statements about `run`, with the salt that opens
 * it. Whoever has a salt can tell which other entries are of the same person: a certificate is for those who
 * may know who approved it. A store that was restored has forgotten who did what, and may still have the
 * name from another occasion; throws `CERTIFICATE_NAME_LOST` when it has not.
 */
export async function peopleOf<K extends string>(
  { retain }: Pick<Desk, 'retain'>,
  connection: StoreConnection,
  run: string,
  refs: Readonly<Record<K, string>>,
): Promise<Record<K, OpenedName>> {
  const key = await retain.ledgerKeys.names();
  const names = new Map<string, OpenedName>();
  const learn = (name: string): void => {
    const { salt, ref } = nameReference(key, name);
    names.set(ref.toString('hex'), { name, salt: salt.toString('hex') });
  };
  const wanted = Object.entries<string>(refs);
  const isLacking = (): boolean => wanted.some(([, ref]) => !names.has(ref));
  for (const name of await namesTold(connection, run)) learn(name);
  if (isLacking()) {
    for (const { requestedBy } of await retain.control.runsByPrefix(run)) learn(requestedBy);
    for (const name of await namesTold(connection)) learn(name);
  }
  key.fill(0);
  if (isLacking()) {
    throw new RetentionError(
      'CERTIFICATE_NAME_LOST',
      'The databases no longer have the name of somebody who asked for this run, approved or began it: they were restored. They know it again once that person did anything in this store.',
      { run },
    );
  }
  // Every name was asked for under its own field.
  return Object.fromEntries(wanted.map(([field, ref]) => [field, names.get(ref)])) as Record<
    K,
    OpenedName
  >;
}

/** Names in what the store told of one run, or of everything. */
async function namesTold({ sql, store }: StoreConnection, run?: string): Promise<string[]> {
  const rows = await asStore(
    store,
    () => sql<{ name: string }[]>`
    select distinct told.value as name
      from retain_guard.event e, jsonb_each_text(e.names) as told
     where ${run ?? null}::text is null or e.body ->> 'run' = ${run ?? null}::text`,
  );
  return rows.map(({ name }) => name);
}
