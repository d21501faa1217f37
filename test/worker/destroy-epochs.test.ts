/** A worker that keeps the ledger destroys epoch keys whose day is over, and says which have to wait. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type StorePool, storePool } from '../../app/store-pool.ts';
import { epochLooks } from '../../worker/destroy-epochs.ts';
import { keptLedger } from '../../worker/keep-ledger.ts';
import { createLogger } from '../../worker/logging.ts';
import { NO_PUBLICATION } from '../../worker/publication.ts';
import {
  EPOCH,
  hasKey,
  KEPT_FOR,
  LONG_AGO,
  placeHold,
  releaseHold,
  toldEnds,
} from '../support/epoch-site.ts';
import { type LedgerSite, ledgerSite } from '../support/ledger-site.ts';
import { waitFor } from '../support/wait.ts';

let site: LedgerSite;
let pool: StorePool;
let lines: string[];
beforeEach(async () => {
  site = await ledgerSite({ epochClock: LONG_AGO, epochKeysKeptFor: KEPT_FOR });
  pool = storePool(site.governed.retain, 2);
  lines = [];
  await site.destroySome(2);
  await site.sequence();
});
afterEach(async () => {
  await pool.end();
  await site.end();
});

const logger = () => createLogger('info', { write: (line) => void lines.push(line) });
const logged = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);

it('in the first turn of keeping the ledger, which tells of it', async () => {
  const env = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
  const activities = keptLedger(site.governed.retain, pool, NO_PUBLICATION, logger());
  const turn = env.run(() => activities.keepLedger());
  await waitFor(async () => (await toldEnds(site)).length, { what: 'the end to be in the log' });
  expect(hasKey(site)).toBe(false);
  env.cancel();
  await turn;
  expect(logged()).toContainEqual(expect.objectContaining({ epoch: EPOCH, level: 'info' }));
});

it('says which has to wait, and looks again after an hour at the earliest', async () => {
  const hold = await placeHold(site);
  const look = epochLooks(site.governed.retain, pool, logger());
  await look();
  expect(logged()).toMatchObject([{ epoch: EPOCH, code: 'EPOCH_KEY_HELD', level: 'warn' }]);
  await releaseHold(site, hold);
  await look();
  expect(hasKey(site)).toBe(true);
  expect(lines).toHaveLength(1);
  await epochLooks(site.governed.retain, pool, logger())();
  expect(hasKey(site)).toBe(false);
});

it('a look that fails ends no turn', async () => {
  const { retain } = site.governed;
  const last = () => Promise.reject(new Error('no such disk'));
  const broken = { ...retain, ledgerSigner: { ...retain.ledgerSigner, last } };
  await epochLooks(broken, pool, logger())();
  expect(logged()).toMatchObject([{ code: 'unknown', level: 'warn' }]);
  expect(hasKey(site)).toBe(true);
});
