/** Restores after restores, and recoveries that were begun before: what is told of the last one holds. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Retain } from '../../../app/context.ts';
import { recoverLedger } from '../../../app/ledger/recover.ts';
import { compared, type Published, publishedSite, shown } from '../../support/compared-site.ts';
import { superuser } from '../../support/forged-tail.ts';
import { type LedgerSite, ledgerSite, placeHold } from '../../support/ledger-site.ts';
import { awake, backedUp } from '../../support/restore.ts';

let site: LedgerSite;
let published: Published;
beforeEach(async () => {
  site = await ledgerSite();
  published = await publishedSite(site);
  await site.destroySome(5);
  await published.publish();
});
afterEach(async () => {
  await published.end();
  await site.end();
});

const found = async () =>
  (await compared(site.governed.retain, published)).findings.map(shown).sort();
const recover = (retain: Retain = site.governed.retain) =>
  recoverLedger(retain, published.source, []);

/** Destroys records and forgets it; answers the batch that was lost. */
async function forgotten(): Promise<string> {
  const restore = await backedUp(site.governed.url);
  await awake(site);
  const run = await site.destroySome(4);
  await published.publish();
  const [row] = await site.governed.sql<{ batch: string }[]>`
    select batch_id::text as batch from retain_guard.batch where run_id = ${run}`;
  await restore();
  await awake(site);
  return row?.batch ?? '';
}

it('a second restore is told of as a whole, and both are excused', async () => {
  const first = await forgotten();
  await recover();
  await published.publish();
  await site.destroySome(3);
  await published.publish();
  const second = await forgotten();
  await recover();
  await published.publish();
  expect(await found()).toEqual([]);
  const lost = (await published.verified()).replays.map(({ statement }) => statement.lost);
  const [before, after] = lost.map((stores) => stores['store:records']);
  expect([before?.batches.count, after?.batches.count]).toEqual([1, 2]);
  expect(after?.after).toBeGreaterThan(before?.after ?? 0);
  const kept = await site.governed.sql`select batch_id as batch from retain.log_kept`;
  expect(kept.map(({ batch }) => String(batch)).sort()).toEqual([first, second].sort());
});

it('what a store told after the restore is nothing that it had before', async () => {
  await forgotten();
  for (const parcel of [1, 2, 3, 4, 5, 6]) await placeHold(site, parcel);
  await recover();
  await published.publish();
  expect(await found()).toEqual([]);
});

it('other bytes that somebody kept for the batch before are replaced', async () => {
  const lost = await forgotten();
  await site.governed.sql`insert into retain.log_kept values (${lost}, '\\x01', '\\x02')`;
  await recover();
  await published.publish();
  expect(await found()).toEqual([]);
});

it('a batch that a recovery kept before it failed counts as lost, wherever it is now', async () => {
  const { retain, sql } = site.governed;
  await forgotten();
  const failing = { ...retain.control.ledger, extend: () => Promise.reject(new Error('killed')) };
  const dying = { ...retain, control: { ...retain.control, ledger: failing } };
  await expect(recover(dying)).rejects.toThrow('killed');
  // Sealed once more, by the same key and with the same bytes.
  await superuser(
    site,
    `insert into retain_guard.batch_sealed (batch_id, key_epoch, header, refs, sealed_by, recovered)
       select batch_id, convert_from(substring(header from 67), 'UTF8')::jsonb ->> 'key_epoch', header, refs, 'again', false
         from retain.log_kept`,
  );
  await recover();
  await published.publish();
  await sql`delete from retain_guard.batch_sealed where sealed_by = 'again'`;
  expect(await found()).toEqual([]);
});
