/** A worker whose key the ledger does not know as valid destroys nothing: what it seals would never enter the ledger. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Retain } from '../../app/context.ts';
import { revokeKey } from '../../app/ledger/revoke-keys.ts';
import { rotateWorkerKey } from '../../app/ledger/rotate-keys.ts';
import type { SigningKey } from '../../ledger/ed25519.ts';
import { workerActivities } from '../../worker/activities.ts';
import { idsOf, refusalOf } from '../stores/tampering.ts';
import { type LedgerSite, ledgerSite } from '../support/ledger-site.ts';
import { testKey } from '../support/log-teller.ts';

let site: LedgerSite;
let run: string;
beforeEach(async () => {
  site = await ledgerSite();
  await site.governed
    .sql`insert into public.parcel select n, '2010-01-01' from generate_series(1, 3) n`;
  const plan = await site.governed.plan();
  await site.governed.approve(plan);
  await site.governed.open(plan);
  run = plan.document.run;
});
afterEach(() => site.end());

/** One slice of the run by a worker that has this key in its folder; its own when missing. */
async function slice(key?: SigningKey): Promise<string> {
  const { retain, store } = site.governed;
  const ledgerKeys = { ...retain.ledgerKeys, ...(key && { worker: async () => key }) };
  const worker: Retain = { ...retain, ledgerKeys };
  const activities = workerActivities(worker, {
    ...{ queues: 'dispose', slots: 1, logger: pino({ enabled: false }) },
  });
  const env = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
  const input = { run, store, step: 1, lane: 1, sliceRecords: 100, sliceMs: 60_000 };
  try {
    return await refusalOf(env.run((asked) => activities.dispose.disposeSlice(asked), input));
  } finally {
    await activities.end();
  }
}
const parcels = () => idsOf(site.governed.sql, 'public.parcel');

it('a key of another ledger, and one that was revoked, begin no slice', async () => {
  const { retain, keyDir } = site.governed;
  const old = await retain.ledgerKeys.worker();
  expect(await slice(testKey('worker', 77))).toBe('LEDGER_KEY_MISSING');
  await site.sequence();
  await rotateWorkerKey(retain, keyDir);
  await revokeKey(retain, keyDir, old.name, { waitMs: 0 });
  expect(await slice(old)).toBe('SIGNER_REVOKED');
  expect(await parcels()).toHaveLength(3);
});

it('a key that the ledger was told of a moment ago works, though it has no place there yet', async () => {
  const { retain, keyDir } = site.governed;
  await rotateWorkerKey(retain, keyDir);
  expect(await slice()).toBe('none');
  expect(await parcels()).toEqual([]);
  await site.sequence();
});
