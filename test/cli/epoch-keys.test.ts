/** `retain keys epochs` and `destroy-epoch`: what a person sees, and is asked. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { retain, retainAsked } from '../support/command-line.ts';
import {
  EPOCH,
  hasKey,
  LAST_DAY,
  LONG_AGO,
  placeHold,
  releaseHold,
} from '../support/epoch-site.ts';
import { type LedgerSite, ledgerSite } from '../support/ledger-site.ts';

let site: LedgerSite;
beforeEach(async () => {
  site = await ledgerSite({ epochClock: LONG_AGO, epochKeysKeptFor: 'P1Y' });
  await site.destroySome(2);
  await site.sequence();
});
afterEach(() => site.end());

const environment = () => ({
  DATABASE_URL: site.governed.url,
  TEST_STORE_URL: site.governed.url,
  RETAIN_KEY_DIR: site.governed.keyDir,
});
const keys = (...args: readonly string[]) => retain(['keys', ...args], environment());
const typing = (types: string) =>
  retainAsked(['keys', 'destroy-epoch', EPOCH], environment(), { types });

it('lists each epoch with its day, and what keeps one that should be gone', async () => {
  const hold = await placeHold(site);
  const { exitCode, stdout } = await keys('epochs');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(
    new RegExp(`${EPOCH} +due +${LAST_DAY} +records +Legal holds are in force: H-${hold}\\.`),
  );
  const { epochs } = JSON.parse((await keys('epochs', '--json')).stdout) as { epochs: unknown };
  expect(epochs).toMatchObject([
    { epoch: EPOCH, state: 'due', destroyAfter: LAST_DAY, postponed: { code: 'EPOCH_KEY_HELD' } },
  ]);
});

it('asks for nothing that would be refused: a hold is named first', async () => {
  const hold = await placeHold(site);
  const refused = await typing(EPOCH);
  expect(refused.exitCode).toBe(5);
  expect(refused.stderr).toContain(`H-${hold}`);
  expect(refused.stderr).not.toContain('Type ');
  expect((await keys('destroy-epoch', EPOCH, '--yes')).exitCode).toBe(5);
  expect(hasKey(site)).toBe(true);
  await releaseHold(site, hold);
});

it('destroys the key for whoever types its name, having said until when it is kept', async () => {
  expect(await keys('destroy-epoch', EPOCH)).toMatchObject({ exitCode: 5 });
  expect(await typing('customer/2020Q1')).toMatchObject({ exitCode: 3 });
  expect(hasKey(site)).toBe(true);
  const done = await typing(EPOCH);
  expect(done).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('is destroyed') });
  expect(done.stderr).toContain(`kept until ${LAST_DAY}`);
  expect(hasKey(site)).toBe(false);
  await site.sequence();
  expect((await keys('epochs')).stdout).toMatch(new RegExp(`${EPOCH} +destroyed .* destroyed 20`));
  expect((await keys('destroy-epoch', EPOCH, '--yes')).stderr).toContain('was destroyed before');
});

it('an epoch that the ledger does not know is a wrong name', async () => {
  expect(await keys('destroy-epoch', 'parcel/1999Q1', '--yes')).toMatchObject({ exitCode: 64 });
});
