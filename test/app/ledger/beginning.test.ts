/** A ledger begins once, under its own keys. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Retain } from '../../../app/context.ts';
import { beginLedger } from '../../../app/ledger/begin.ts';
import { initialiseKeys } from '../../../app/ledger/key-admin.ts';
import { requireHead } from '../../../app/ledger/sequence.ts';
import { openControlDb } from '../../../db/client.ts';
import { decodeEntry } from '../../../ledger/entry.ts';
import { createDatabase } from '../../support/database.ts';
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

describe('making the keys', () => {
  const keyFile = (name: string) => join(site.governed.keyDir, '_ledger', `${name}.key`);

  /** The same key folder beside a control database that nothing was ever told. */
  async function beside(work: (retain: Retain) => Promise<void>): Promise<void> {
    const database = await createDatabase();
    const control = await openControlDb(database.url, { migrate: true });
    try {
      await work({ ...site.governed.retain, control });
    } finally {
      await control.end();
      await database.drop();
    }
  }

  it('makes none once the ledger has begun: that of the admin may be kept elsewhere', async () => {
    const { retain, keyDir } = site.governed;
    rmSync(keyFile('admin'));
    expect(await initialiseKeys(retain, keyDir, ORIGIN)).toMatchObject({
      origin: ORIGIN,
      made: [],
    });
    expect(existsSync(keyFile('admin'))).toBe(false);
  });

  it('a control database without a ledger gets no second genesis from a folder that has signed one', async () => {
    const { keyDir, retain } = site.governed;
    await site.sequence();
    const { size, root } = await requireHead(retain.control.ledger);
    await retain.ledgerSigner.sign({ origin: ORIGIN, size, root }, []);
    await beside(async (other) => {
      for (const origin of [ORIGIN, 'log.example.org/other']) {
        await expect(initialiseKeys(other, keyDir, origin)).rejects.toMatchObject({
          code: 'LEDGER_EXISTS',
          facts: { signed: size },
        });
        await expect(beginLedger(other, origin)).rejects.toMatchObject({ code: 'LEDGER_EXISTS' });
      }
      expect(await other.control.ledger.genesis()).toBeUndefined();
    });
  });

  it('twin: a signer that forgot what it signed lets a second genesis be made', async () => {
    const { keyDir } = site.governed;
    await site.sequence();
    await beside(async (other) => {
      await initialiseKeys(other, keyDir, ORIGIN);
      expect(await other.control.ledger.genesis()).toBeDefined();
    });
  });
});
