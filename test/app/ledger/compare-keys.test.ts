/** Keys that come and go: what they signed stays good, and a store that forgets a revocation is found. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { revokeKey } from '../../../app/ledger/revoke-keys.ts';
import { rotateLogKey, rotateWorkerKey } from '../../../app/ledger/rotate-keys.ts';
import { compared, type Published, publishedSite, shown } from '../../support/compared-site.ts';
import { type LedgerSite, ledgerSite } from '../../support/ledger-site.ts';

let site: LedgerSite;
let published: Published;
beforeEach(async () => {
  site = await ledgerSite();
  published = await publishedSite(site);
  await site.destroySome(3);
  await published.publish();
});
afterEach(async () => {
  await published.end();
  await site.end();
});

const found = async () =>
  (await compared(site.governed.retain, published)).findings.map(shown).sort();

it('a worker key is rotated and revoked, and the store that was told of it is asked for it', async () => {
  const { retain, keyDir, sql } = site.governed;
  const { name } = await retain.ledgerKeys.worker();
  await rotateWorkerKey(retain, keyDir);
  await site.destroySome(3);
  await published.publish();
  await revokeKey(retain, keyDir, name, { waitMs: 0 });
  expect(await found()).toEqual([]);
  await published.publish();
  await site.destroySome(3);
  expect(await found()).toEqual([]);
  await sql`delete from retain_guard.revoked_signer`;
  expect(await found()).toEqual([`E_DB_MISSING revoked_signer ${name}`]);
});

it('a log key is rotated and revoked: the heads that it signed stay heads of the log', async () => {
  const { retain, keyDir, sql } = site.governed;
  const [{ name }] = await retain.ledgerKeys.log();
  await rotateLogKey(retain, keyDir);
  await site.destroySome(3);
  await published.publish();
  expect(await found()).toEqual([]);
  await revokeKey(retain, keyDir, name);
  await site.destroySome(3);
  await published.publish();
  expect(await sql`select from retain.log_checkpoint`).toHaveLength(3);
  expect(await found()).toEqual([]);
});
