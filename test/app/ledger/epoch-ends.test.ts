/** Epoch keys go on the day that the ledger was told, or by a person's word, and leave a log that verifies. */
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileEpochKeys } from '../../../app/epoch-keys.ts';
import {
  destroyDueEpochKeys,
  destroyEpochKey,
  listEpochs,
} from '../../../app/ledger/epoch-admin.ts';
import { ledgerRound } from '../../../app/ledger/round.ts';
import { lookupInLog } from '../../../app/log.ts';
import { folderSource } from '../../../cli/log-source.ts';
import { keyCommitment } from '../../../ledger/references.ts';
import { compared, shown, verifiedLog } from '../../support/compared-site.ts';
import {
  AFTER_LAST_DAY,
  asPerson,
  asWorker,
  EPOCH,
  hasKey,
  KEPT_FOR,
  keyFileOf,
  LAST_DAY,
  LONG_AGO,
  ON_LAST_DAY,
  toldEnds,
} from '../../support/epoch-site.ts';
import { type PublishedSite, publishedSite } from '../../support/published-site.ts';

const NOTHING = { destroyed: [], postponed: [] };

describe('a key that has a day', () => {
  let site: PublishedSite;
  beforeEach(async () => {
    site = await publishedSite({ epochClock: LONG_AGO, epochKeysKeptFor: KEPT_FOR });
    await site.destroySome(3);
    await ledgerRound(site.rounds());
  });
  afterEach(() => site.end());

  const look = (nowMs = AFTER_LAST_DAY, deps = asWorker(site)) => destroyDueEpochKeys(deps, nowMs);
  const state = async (nowMs: number) => listEpochs(asPerson(site), nowMs);

  it('is committed to in store and log, with that day, when it is first used', async () => {
    const [key] = await site.governed.retain.epochKeys.all('parcel');
    expect(key).toMatchObject({ id: EPOCH, destroyAfter: LAST_DAY });
    const commitment = keyCommitment(key!.key).toString('hex');
    const events = await site.governed.sql<{ body: unknown }[]>`
      select body from retain_guard.event where kind = 'epoch.open'`;
    expect(events.map(({ body }) => body)).toEqual([
      { epoch: EPOCH, commitment, destroy_after: LAST_DAY },
    ]);
    expect(await state(ON_LAST_DAY)).toMatchObject([
      { epoch: EPOCH, stores: ['records'], state: 'kept', destroyAfter: LAST_DAY },
    ]);
  });

  it('is there until the day is over, and then destroyed: store, log and file say so', async () => {
    expect(await look(ON_LAST_DAY)).toEqual(NOTHING);
    expect(hasKey(site)).toBe(true);
    expect(await look()).toEqual({ destroyed: [EPOCH], postponed: [] });
    expect(hasKey(site)).toBe(false);
    await ledgerRound(site.rounds());
    expect(await toldEnds(site)).toMatchObject([{ epoch: EPOCH, source: 'store:records' }]);
    expect(await state(AFTER_LAST_DAY)).toMatchObject([{ epoch: EPOCH, state: 'destroyed' }]);
    expect(await look()).toEqual(NOTHING);
  });

  it('once destroyed connects no entry to any record, and lookup says so at once', async () => {
    const { retain } = site.governed;
    expect((await lookupInLog(retain, 'parcel', ['1'])).entries).toHaveLength(1);
    await look();
    const found = await lookupInLog(retain, 'parcel', ['1']);
    expect(found).toMatchObject({
      entries: [],
      closedEpochs: [{ epoch: EPOCH, destroyedAt: expect.stringMatching(/Z$/) }],
    });
  });

  it('is destroyed by a person before its day too', async () => {
    await destroyEpochKey(asPerson(site), EPOCH, ON_LAST_DAY);
    expect(hasKey(site)).toBe(false);
    await ledgerRound(site.rounds());
    expect(await toldEnds(site)).toHaveLength(1);
    await expect(destroyEpochKey(asPerson(site), EPOCH, ON_LAST_DAY)).rejects.toMatchObject({
      code: 'EPOCH_KEY_MISSING',
    });
  });

  it('leaves a log that verifies, and databases that agree with it', async () => {
    await look();
    await ledgerRound(site.rounds());
    expect((await site.verify()).findings).toEqual([]);
    const verified = async () => verifiedLog(folderSource(site.dir), await site.verify());
    const differences = async () =>
      (await compared(site.governed.retain, { verified })).findings.map(shown);
    expect(await differences()).toEqual([]);
    const { sql } = site.governed;
    await sql`update retain_guard.key_epoch set destroyed_at = null`;
    expect(await differences()).toEqual([`E_DB_ROW key_epoch ${EPOCH} destroyed_at`]);
  });

  it('of several workers at once, one tells, and all find it gone', async () => {
    const looks = await Promise.all(Array.from({ length: 5 }, () => look()));
    expect(looks.flatMap(({ destroyed }) => destroyed)).toContain(EPOCH);
    expect(hasKey(site)).toBe(false);
    await ledgerRound(site.rounds());
    expect(await toldEnds(site)).toHaveLength(1);
    expect((await site.verify()).findings).toEqual([]);
  });

  describe('a crash between the statement and the file', () => {
    const dying = () => {
      const { epochKeys } = site.governed.retain;
      const destroy = () => Promise.reject(new Error('killed'));
      return asWorker(site, { epochKeys: { ...epochKeys, destroy } });
    };

    it.each([
      ['before the log has the statement', false],
      ['after the log has the statement', true],
    ])('%s is mended by the next look', async (_, integrated) => {
      await expect(look(AFTER_LAST_DAY, dying())).rejects.toThrow('killed');
      expect(hasKey(site)).toBe(true);
      if (integrated) await ledgerRound(site.rounds());
      expect(await look()).toEqual({ destroyed: [EPOCH], postponed: [] });
      expect(hasKey(site)).toBe(false);
      await ledgerRound(site.rounds());
      expect(await toldEnds(site)).toHaveLength(1);
    });

    it('leaves a file that may be overwritten in part: it goes all the same', async () => {
      await expect(look(AFTER_LAST_DAY, dying())).rejects.toThrow('killed');
      await ledgerRound(site.rounds());
      writeFileSync(keyFileOf(site), 'half of it is noise', { mode: 0o600 });
      expect(await look()).toEqual({ destroyed: [EPOCH], postponed: [] });
      expect(hasKey(site)).toBe(false);
    });
  });

  it('that comes back from a backup of the folder goes at the next look, unheard', async () => {
    const backup = `${keyFileOf(site)}-backup`;
    copyFileSync(keyFileOf(site), backup);
    await look();
    await ledgerRound(site.rounds());
    copyFileSync(backup, keyFileOf(site));
    expect(await look()).toEqual({ destroyed: [EPOCH], postponed: [] });
    expect(hasKey(site)).toBe(false);
    await ledgerRound(site.rounds());
    expect(await toldEnds(site)).toHaveLength(1);
    expect(existsSync(backup)).toBe(true);
  });
});

describe('a key without a day', () => {
  let site: PublishedSite;
  beforeEach(async () => {
    site = await publishedSite({ epochClock: LONG_AGO });
    await site.destroySome(2);
    await ledgerRound(site.rounds());
  });
  afterEach(() => site.end());

  it('is kept however late it is, and destroyed by a person', async () => {
    const late = Date.parse('2400-01-01T00:00:00Z');
    expect(await destroyDueEpochKeys(asWorker(site), late)).toEqual(NOTHING);
    expect(await listEpochs(asPerson(site), late)).toMatchObject([
      { state: 'kept', destroyAfter: null },
    ]);
    await destroyEpochKey(asPerson(site), EPOCH, Date.now());
    expect(hasKey(site)).toBe(false);
  });

  it('stays without one when the schedule gets a period later', async () => {
    const { keyDir } = site.governed;
    const period = { iso: 'P1Y', unit: 'years', count: 1 } as const;
    const keys = fileEpochKeys(keyDir, LONG_AGO, { keptFor: async () => period });
    expect(await keys.forWriting('parcel')).toMatchObject({ id: EPOCH, destroyAfter: null });
    expect(await keys.forWriting('letter')).toMatchObject({ destroyAfter: LAST_DAY });
  });
});
