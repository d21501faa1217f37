import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { beginLedger } from '../../../app/ledger/begin.ts';
import {
  destroyEpochKey,
  listKeys,
  revokeKey,
  rotateWorkerKey,
} from '../../../app/ledger/key-admin.ts';
import { fileLedgerKeys } from '../../../app/ledger-keys.ts';
import { lookupInLog } from '../../../app/log.ts';
import { decodeEntry } from '../../../ledger/entry.ts';
import { readStatement } from '../../../ledger/statements.ts';
import { ORIGIN } from '../../support/governed.ts';
import { type LedgerSite, ledgerSite } from '../../support/ledger-site.ts';

let site: LedgerSite;
beforeEach(async () => {
  site = await ledgerSite();
});
afterEach(() => site.end());

const kinds = async () => (await site.entries()).map((entry) => decodeEntry(entry).kind);

describe('the beginning', () => {
  it('is the same answer when asked again, and refused under another name', async () => {
    const { retain } = site.governed;
    const begun = await beginLedger(retain, ORIGIN);
    expect(begun.origin).toBe(ORIGIN);
    await expect(beginLedger(retain, 'log.example.org/other')).rejects.toMatchObject({
      code: 'LEDGER_EXISTS',
    });
    await expect(beginLedger(retain, 'https://log.example.org')).rejects.toMatchObject({
      code: 'USAGE',
    });
    await site.sequence();
    expect((await kinds()).filter((kind) => kind === 'genesis')).toHaveLength(1);
  });
});

describe('worker keys', () => {
  it('a new one signs after the ledger has heard of it, and the old one until it is revoked', async () => {
    const { retain, keyDir } = site.governed;
    await site.destroySome(3);
    await site.sequence();
    const old = (await retain.ledgerKeys.worker()).name;
    const fresh = await rotateWorkerKey(retain, keyDir);
    expect((await fileLedgerKeys(keyDir).worker()).name).toBe(fresh.name);
    // The worker of this test still holds the old key, as one that was not restarted does.
    await site.destroySome(3);
    await site.sequence();
    const restarted = { ...retain, ledgerKeys: fileLedgerKeys(keyDir) };
    await expect(revokeKey(restarted, fresh.name)).rejects.toMatchObject({ code: 'USAGE' });
    await revokeKey(restarted, old);
    await site.sequence();
    expect((await listKeys(retain)).map(({ name, state }) => [name, state])).toContainEqual([
      old,
      'revoked',
    ]);
    const size = (await site.entries()).length;
    await site.destroySome(3);
    await expect(site.sequence()).rejects.toMatchObject({ code: 'LEDGER_BROKEN' });
    const later = (await site.entries()).slice(size).map((entry) => decodeEntry(entry).kind);
    expect(later).not.toContain('batch');
  });

  it('a crash between the entry and the file is mended by asking again, with the same key', async () => {
    const { retain, keyDir } = site.governed;
    const admin = await retain.ledgerKeys.admin();
    let told = 0;
    const dying = {
      ...retain,
      ledgerKeys: {
        ...retain.ledgerKeys,
        admin: async () => {
          told += 1;
          if (told === 1) throw new Error('killed');
          return admin;
        },
      },
    };
    await expect(rotateWorkerKey(dying, keyDir)).rejects.toThrow('killed');
    const draft = join(keyDir, '_ledger', 'worker-next.key');
    expect(existsSync(draft)).toBe(true);
    const key = await rotateWorkerKey(dying, keyDir);
    expect((await fileLedgerKeys(keyDir).worker()).name).toBe(key.name);
    expect(existsSync(draft)).toBe(false);
  });
});

describe('an epoch key', () => {
  const quarter = () => {
    const now = new Date();
    return `parcel/${now.getUTCFullYear()}Q${Math.floor(now.getUTCMonth() / 3) + 1}`;
  };
  const nextYear = () => Date.now() + 366 * 86_400_000;

  it('is not destroyed while its quarter is being written', async () => {
    const { retain, keyDir } = site.governed;
    await site.destroySome(2);
    await expect(destroyEpochKey(retain, keyDir, quarter(), Date.now())).rejects.toMatchObject({
      code: 'USAGE',
    });
    expect(existsSync(join(keyDir, `${quarter()}.key`))).toBe(true);
  });

  it('once destroyed connects no entry to any record, and lookup says so', async () => {
    const { retain, keyDir } = site.governed;
    await site.destroySome(2);
    expect((await lookupInLog(retain, 'parcel', ['1'])).entries).toHaveLength(1);
    await destroyEpochKey(retain, keyDir, quarter(), nextYear());
    await site.sequence();
    expect(existsSync(join(keyDir, `${quarter()}.key`))).toBe(false);
    // A process that starts now has never seen the key.
    const { fileEpochKeys } = await import('../../../app/epoch-keys.ts');
    const later = { ...retain, epochKeys: fileEpochKeys(keyDir, () => new Date().toISOString()) };
    const found = await lookupInLog(later, 'parcel', ['1']);
    expect(found.entries).toEqual([]);
    expect(found.closedEpochs).toEqual([
      { epoch: quarter(), destroyedAt: expect.stringMatching(/Z$/) },
    ]);
    const entries = (await site.entries()).map(decodeEntry);
    const said = entries.flatMap((entry) =>
      entry.kind === 'epoch.destroy' ? [readStatement(entry)] : [],
    );
    expect(said).toMatchObject([{ epoch: quarter() }]);
  });
});

it('names no record and no person in any byte, and two runs of one record cannot be connected', async () => {
  await site.destroySome(3);
  // The same parcels once more: as if they had come back and gone again.
  await site.governed
    .sql`insert into public.parcel select n, '2010-01-01' from generate_series(1, 3) n`;
  const plan = await site.governed.plan();
  await site.governed.carryOut(plan);
  await site.governed.close(plan);
  await site.sequence();
  const references = (await site.entries())
    .map(decodeEntry)
    .flatMap((entry) => (entry.kind === 'record' ? [entry.ref.toString('hex')] : []));
  expect(references).toHaveLength(6);
  expect(new Set(references).size).toBe(6);
});
