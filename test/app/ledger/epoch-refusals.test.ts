/** What keeps an epoch key: each refusal, and that without its cause the same key goes. */
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileEpochKeys } from '../../../app/epoch-keys.ts';
import {
  destroyDueEpochKeys,
  destroyEpochKey,
  listEpochs,
  ownConnections,
} from '../../../app/ledger/epoch-admin.ts';
import { epochWords } from '../../../app/ledger/examine-epochs.ts';
import { sealBacklog } from '../../../app/seal.ts';
import type { ErrorCode } from '../../../domain/errors.ts';
import {
  AFTER_LAST_DAY,
  asPerson,
  asWorker,
  EPOCH,
  hasKey,
  KEPT_FOR,
  keyFileOf,
  LONG_AGO,
  leaveUnsealed,
  ON_LAST_DAY,
  placeHold,
  releaseHold,
  toldEnds,
} from '../../support/epoch-site.ts';
import { type LedgerSite, ledgerSite } from '../../support/ledger-site.ts';

let site: LedgerSite;
beforeEach(async () => {
  site = await ledgerSite({ epochClock: LONG_AGO, epochKeysKeptFor: KEPT_FOR });
  await site.destroySome(3);
  await site.sequence();
});
afterEach(() => site.end());

const look = (nowMs = AFTER_LAST_DAY) => destroyDueEpochKeys(asWorker(site), nowMs);
const byHand = () => destroyEpochKey(asPerson(site), EPOCH, AFTER_LAST_DAY);

/** Neither its day nor a person destroys the key, and nothing is told. */
async function expectKept(code: ErrorCode, message: RegExp): Promise<void> {
  const why = { code, message: expect.stringMatching(message) };
  expect(await look()).toMatchObject({ destroyed: [], postponed: [{ epoch: EPOCH, ...why }] });
  await expect(byHand()).rejects.toMatchObject(why);
  expect(await listEpochs(asPerson(site), AFTER_LAST_DAY)).toMatchObject([
    { epoch: EPOCH, state: 'due', postponed: why },
  ]);
  const [row] = await site.governed.sql<{ n: number }[]>`
    select count(*)::integer as n from retain_guard.event where kind = 'epoch.destroy'`;
  expect(row?.n).toBe(0);
}

/** The twin: without the cause the same look destroys the key. */
async function expectGone(): Promise<void> {
  expect(await look()).toEqual({ destroyed: [EPOCH], postponed: [] });
  expect(hasKey(site)).toBe(false);
  await site.sequence();
  expect(await toldEnds(site)).toHaveLength(1);
}

it('a hold in force in the store keeps it, whatever the hold is about, and is named', async () => {
  const first = await placeHold(site);
  const second = await placeHold(site);
  await expectKept('EPOCH_KEY_HELD', new RegExp(`H-${first}, H-${second}\\.`));
  await releaseHold(site, first);
  await expectKept('EPOCH_KEY_HELD', new RegExp(`H-${second}\\.`));
  expect(hasKey(site)).toBe(true);
  await releaseHold(site, second);
  await expectGone();
});

it('many holds are counted', async () => {
  for (let n = 0; n < 22; n += 1) await placeHold(site);
  await expectKept('EPOCH_KEY_HELD', /H-20 and 2 more/);
});

it('a batch of the class that is not sealed keeps it, until it is sealed and in the ledger', async () => {
  await leaveUnsealed(site);
  await expectKept('EPOCH_KEY_IN_USE', /1 batches .* not sealed/);
  const { guard, retain } = site.governed;
  const { epochKeys, ledgerKeys } = retain;
  await sealBacklog({ guard, epochKeys, ledgerKeys, worker: 'another' }, 0);
  await expectKept('EPOCH_KEY_IN_USE', /1 batches .* not in the ledger/);
  expect(hasKey(site)).toBe(true);
  await site.sequence();
  await expectGone();
});

it('a store that was restored keeps it: holds that it has forgotten are not in its tables', async () => {
  const hold = await placeHold(site);
  await site.sequence();
  const { sql } = site.governed;
  // As if the backup were of before the hold.
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`delete from retain_guard.hold_key where hold_no = ${hold}`;
    await tx`delete from retain_guard.hold where hold_no = ${hold}`;
    await tx`delete from retain_guard.event where kind = 'hold.place'`;
  });
  await expectKept('LEDGER_BEHIND', /restored/);
  expect(hasKey(site)).toBe(true);
});

it('a control database that was restored keeps every key', async () => {
  const ledgerSigner = {
    ...site.governed.retain.ledgerSigner,
    last: async () => ({ origin: 'x', size: 1_000_000, root: Buffer.alloc(32) }),
  };
  const deps = asWorker(site, { ledgerSigner });
  await expect(destroyDueEpochKeys(deps, AFTER_LAST_DAY)).rejects.toMatchObject({
    code: 'LEDGER_BEHIND',
  });
  await expect(destroyEpochKey(deps, EPOCH, AFTER_LAST_DAY)).rejects.toMatchObject({
    code: 'LEDGER_BEHIND',
  });
  expect(hasKey(site)).toBe(true);
});

it('a key folder without the key tells nothing of its end', async () => {
  const file = keyFileOf(site);
  rmSync(file);
  await expectKept('EPOCH_KEY_MISSING', /not in this key folder/);
});

it('a key folder with another key of that name tells nothing of its end', async () => {
  rmSync(keyFileOf(site));
  await fileEpochKeys(site.governed.keyDir, LONG_AGO).forWriting('parcel');
  await expectKept('EPOCH_KEY_MISMATCH', /another key/);
  expect(hasKey(site)).toBe(true);
});

it('a store that the schedule no longer has keeps it: nobody can ask it for holds', async () => {
  const { retain } = site.governed;
  const latestSchedule = async () => {
    const installed = await retain.control.latestSchedule();
    return (
      installed && { ...installed, document: installed.document.replaceAll('records', 'other') }
    );
  };
  const control = { ...retain.control, latestSchedule };
  const inStore = ownConnections({ ...retain, control }, 'retain_worker');
  expect(await destroyDueEpochKeys(asWorker(site, { inStore }), AFTER_LAST_DAY)).toMatchObject({
    destroyed: [],
    postponed: [{ epoch: EPOCH, code: 'STORE_UNKNOWN' }],
  });
  expect(hasKey(site)).toBe(true);
});

describe('the clocks', () => {
  it('of the caller alone is not believed: the store says whether the day is over', async () => {
    const far = await ledgerSite({ epochClock: LONG_AGO, epochKeysKeptFor: 'P200Y' });
    try {
      await far.destroySome(2);
      await far.sequence();
      const ahead = Date.parse('2300-01-01T00:00:00Z');
      expect(await destroyDueEpochKeys(asWorker(far), ahead)).toMatchObject({
        destroyed: [],
        postponed: [{ epoch: EPOCH, code: 'EPOCH_KEY_IN_USE' }],
      });
      expect(hasKey(far)).toBe(true);
      await destroyEpochKey(asPerson(far), EPOCH, ahead);
      expect(hasKey(far)).toBe(false);
    } finally {
      await far.end();
    }
  });

  it('the epoch that is being written is not destroyed, by either clock', async () => {
    const now = await ledgerSite();
    try {
      await now.destroySome(2);
      await now.sequence();
      const deps = asPerson(now);
      const [key] = await now.governed.retain.epochKeys.all('parcel');
      const refused = { code: 'EPOCH_KEY_IN_USE', message: expect.stringMatching(/being written/) };
      for (const at of [Date.now(), Date.now() + 366 * 86_400_000]) {
        await expect(destroyEpochKey(deps, key!.id, at)).rejects.toMatchObject(refused);
      }
      expect(hasKey(now, key!.id)).toBe(true);
    } finally {
      await now.end();
    }
  });

  it('a caller whose clock is in the quarter is refused before anything is asked', async () => {
    const inStore = () => Promise.reject(new Error('asked'));
    const then = Date.parse('2020-03-31T23:59:59Z');
    await expect(destroyEpochKey(asPerson(site, { inStore }), EPOCH, then)).rejects.toMatchObject({
      code: 'EPOCH_KEY_IN_USE',
    });
  });
});

it.each(['parcel/1999Q1', 'parcel', '../2020Q1', ''])('there is no epoch %j', async (id) => {
  await expect(destroyEpochKey(asPerson(site), id, AFTER_LAST_DAY)).rejects.toMatchObject({
    code: 'USAGE',
  });
});

describe('what the doctor says', () => {
  const words = (nowMs: number) => epochWords(site.governed.retain, nowMs);
  const LATE = AFTER_LAST_DAY + 3 * 86_400_000;

  it('of a key that is kept: until when', async () => {
    expect(await words(ON_LAST_DAY)).toEqual({
      state: 'ok',
      message: expect.stringMatching(/2021-04-01: parcel\/2020Q1/),
    });
  });

  it('of a key that a hold keeps: which hold, and no alarm however late', async () => {
    await placeHold(site);
    expect(await words(LATE)).toEqual({
      state: 'ok',
      message: expect.stringMatching(/parcel\/2020Q1 was kept until 2021-04-01\. .*H-1/),
    });
  });

  it('of a key that anything else keeps: why, and after two days a warning', async () => {
    await leaveUnsealed(site);
    expect(await words(AFTER_LAST_DAY)).toMatchObject({ state: 'ok' });
    expect(await words(LATE)).toEqual({
      state: 'warning',
      code: 'EPOCH_KEY_IN_USE',
      message: expect.stringMatching(/not sealed/),
    });
  });

  it('of a key that nothing keeps and nobody destroyed: a warning', async () => {
    expect(await words(LATE)).toMatchObject({ state: 'warning', code: 'WORKER_UNAVAILABLE' });
    await look();
    await site.sequence();
    expect(await words(LATE)).toMatchObject({ state: 'ok' });
  });
});
