/** Worker keys come and go, and nothing that any of them signed is left outside the ledger. */
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listKeys } from '../../../app/ledger/key-admin.ts';
import { tellOfKey } from '../../../app/ledger/key-statement.ts';
import { revokeKey } from '../../../app/ledger/revoke-keys.ts';
import { rotateWorkerKey } from '../../../app/ledger/rotate-keys.ts';
import { ledgerRound } from '../../../app/ledger/round.ts';
import { requireHead, sequenceControl, sequenceStore } from '../../../app/ledger/sequence.ts';
import { makeSealer } from '../../../app/seal.ts';
import type { LedgerDb } from '../../../db/ledger.ts';
import { mayRetry } from '../../../domain/retry.ts';
import type { SigningKey } from '../../../ledger/ed25519.ts';
import { decodeEntry } from '../../../ledger/entry.ts';
import { readStatement, type Statement, signerName } from '../../../ledger/statements.ts';
import { refusalOf } from '../../stores/tampering.ts';
import { testKey } from '../../support/log-teller.ts';
import { type PublishedSite, publishedSite } from '../../support/published-site.ts';
import { waitFor } from '../../support/wait.ts';

let site: PublishedSite;
let old: SigningKey;
beforeEach(async () => {
  site = await publishedSite();
  old = await site.governed.retain.ledgerKeys.worker();
});
afterEach(() => site.end());

const rotate = () => rotateWorkerKey(site.governed.retain, site.governed.keyDir);
const revoke = (name = old.name, waitMs = 0) =>
  revokeKey(site.governed.retain, site.governed.keyDir, name, { waitMs });
const size = async () => (await requireHead(site.deps.ledger)).size;
const stateOf = async (name: string) =>
  (await listKeys(site.governed.retain)).find((key) => key.name === name)?.state;

async function statements(): Promise<Statement[]> {
  return (await site.entries()).flatMap((bytes) => {
    const entry = decodeEntry(bytes);
    return entry.kind === 'record' ? [] : [readStatement(entry)];
  });
}
/** Who sealed the batches of the log, in its order. */
const sealers = async () =>
  (await statements()).flatMap((one) => (one.kind === 'batch' ? [signerName(one)] : []));

/** Something for the control database to say. */
const another = () =>
  site.governed.retain.control.addSchedule({
    ...{ sha256: 'ab'.repeat(32), document: '', installedBy: 'x' },
  });

const killedAfterAdding: LedgerDb['addKey'] = async (...told) => {
  await site.deps.ledger.addKey(...told);
  throw new Error('killed');
};

/** The log as an auditor sees it, with everything in it that waits. */
async function verified() {
  await ledgerRound(site.rounds());
  const { verdict, findings } = await site.verify();
  return { verdict, findings };
}
const GOOD = { verdict: 'verified', findings: [] };

describe('a new worker key', () => {
  it('signs from the next batch on, without a restart, and the old one is valid until it is revoked', async () => {
    await site.destroySome(3);
    await site.sequence();
    const fresh = await rotate();
    await site.destroySome(3);
    await site.sequence();
    expect(await sealers()).toEqual([old.name, fresh.name]);
    expect([await stateOf(old.name), await stateOf(fresh.name)]).toEqual(['active', 'active']);
    expect(await verified()).toEqual(GOOD);
  });

  it('comes into the log before what waits there and is signed by it', async () => {
    await site.sequence();
    await another();
    const fresh = await rotate();
    await site.sequence();
    const [key, rule] = (await statements()).slice(-2);
    expect(key).toMatchObject({ kind: 'key', name: fresh.name });
    expect(rule).toMatchObject({ kind: 'rule.version', signed_by: fresh.name });
    expect(await verified()).toEqual(GOOD);
  });

  it('a crash between the entry and the file is mended by asking again, with the same key', async () => {
    const { retain, keyDir } = site.governed;
    const dying = { ...retain.control, ledger: { ...site.deps.ledger, addKey: killedAfterAdding } };
    await expect(rotateWorkerKey({ ...retain, control: dying }, keyDir)).rejects.toThrow('killed');
    const draft = join(keyDir, '_ledger', 'worker-next.key');
    expect(existsSync(draft)).toBe(true);
    expect((await retain.ledgerKeys.worker()).name).toBe(old.name);
    const key = await rotate();
    expect((await retain.ledgerKeys.worker()).name).toBe(key.name);
    expect(existsSync(draft)).toBe(false);
    await site.sequence();
    const told = (await statements()).filter(({ kind }) => kind === 'key');
    expect(told).toMatchObject([{ name: key.name, state: 'active' }]);
  });

  it('asked for twice at once, and what is left of it, is one that the ledger knows', async () => {
    const { retain } = site.governed;
    await Promise.all([rotate(), rotate()]);
    const { name } = await retain.ledgerKeys.worker();
    expect(await stateOf(name)).toBe('active');
    await site.destroySome(2);
    expect(await verified()).toEqual(GOOD);
  });

  it('replaces one that was lost', async () => {
    const { retain, keyDir } = site.governed;
    await rm(join(keyDir, '_ledger', 'worker.key'));
    const fresh = await rotate();
    expect((await retain.ledgerKeys.worker()).name).toBe(fresh.name);
    await site.destroySome(2);
    expect(await verified()).toEqual(GOOD);
  });

  it('is not made by an admin key that the ledger does not know', async () => {
    const { retain, keyDir } = site.governed;
    await writeFile(join(keyDir, '_ledger', 'admin.key'), `${'ab'.repeat(32)}\n`);
    expect(await refusalOf(rotate())).toBe('LEDGER_KEY_MISSING');
    expect((await retain.ledgerKeys.worker()).name).toBe(old.name);
    await site.sequence();
    expect((await statements()).filter(({ kind }) => kind === 'key')).toEqual([]);
  });
});

describe('the end of a worker key', () => {
  it('comes after everything that was sealed with it: until then the ledger is told nothing, and the stores take no more', async () => {
    await site.destroySome(3);
    await rotate();
    expect(await refusalOf(revoke())).toBe('LEDGER_LAGS');
    expect(await stateOf(old.name)).toBe('active');
    const [told] = await site.governed.sql`select name from retain_guard.revoked_signer`;
    expect(told).toEqual({ name: old.name });
    await site.sequence();
    await revoke();
    expect(await stateOf(old.name)).toBe('revoked');
    await site.destroySome(3);
    expect(await verified()).toEqual(GOOD);
  });

  it('twin: told at once it would leave a batch behind that no ledger ever takes', async () => {
    const { retain } = site.governed;
    await site.destroySome(3);
    await rotate();
    const admin = await retain.ledgerKeys.admin();
    await tellOfKey(retain, admin, { ...old, vkey: undefined }, 'revoked');
    await expect(site.sequence()).rejects.toMatchObject({ code: 'LEDGER_BROKEN' });
  });

  it('waits for a worker that follows meanwhile', async () => {
    await site.destroySome(3);
    await rotate();
    const revoked = revoke(old.name, 30_000);
    await waitFor(
      async () => (await site.governed.sql`select from retain_guard.revoked_signer`).length > 0,
      { what: 'the store to be told' },
    );
    await site.sequence();
    await revoked;
    expect(await stateOf(old.name)).toBe('revoked');
  });

  it('is not begun when a store does not answer, and the store is named', async () => {
    const { retain, keyDir } = site.governed;
    await rotate();
    const away = { ...retain, urlOf: () => 'postgres://nobody@127.0.0.1:1/none' };
    await expect(revokeKey(away, keyDir, old.name)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining(site.store.store),
    });
    expect(await stateOf(old.name)).toBe('active');
  });

  it('is one entry, however often and by however many it is asked for', async () => {
    await site.sequence();
    await rotate();
    await Promise.allSettled([revoke(), revoke(), revoke()]);
    expect(await refusalOf(revoke())).toBe('USAGE');
    await site.sequence();
    const told = (await statements()).filter(
      (one) => one.kind === 'key' && one.state === 'revoked',
    );
    expect(told).toHaveLength(1);
    expect(await verified()).toEqual(GOOD);
  });

  it('is refused for the key in use, and for names that are no valid key', async () => {
    expect(await refusalOf(revoke())).toBe('USAGE');
    expect(await refusalOf(revoke('worker-00000000'))).toBe('USAGE');
    const { name } = await site.governed.retain.ledgerKeys.admin();
    expect(await refusalOf(revoke(name))).toBe('USAGE');
    expect(await site.governed.sql`select from retain_guard.revoked_signer`).toHaveLength(0);
  });

  it('of a key that was made and never came into use lets the next rotation make another', async () => {
    const { retain, keyDir } = site.governed;
    const dying = { ...retain.control, ledger: { ...site.deps.ledger, addKey: killedAfterAdding } };
    await expect(rotateWorkerKey({ ...retain, control: dying }, keyDir)).rejects.toThrow('killed');
    const unused = (await listKeys(retain)).at(-1)?.name ?? '';
    await revoke(unused);
    const next = await rotate();
    expect(next.name).not.toBe(unused);
    expect(await stateOf(unused)).toBe('revoked');
    expect(await stateOf(next.name)).toBe('active');
  });
});

describe('a worker that still has the old key', () => {
  /** One batch that is destroyed and not sealed, and a worker that gets these keys, one at each look. */
  async function sealing(...keys: SigningKey[]): Promise<string> {
    const { governed } = site;
    await governed.sql`insert into public.parcel select n, '2010-01-01' from generate_series(1, 3) n`;
    const plan = await governed.plan();
    await governed.approve(plan);
    await governed.open(plan);
    const lane = { run: plan.document.run, step: 1, lane: 1 };
    const { guard } = governed;
    const { epochKeys } = governed.retain;
    const ledgerKeys = { worker: async () => keys.shift() ?? old };
    const sealer = await makeSealer({ guard, epochKeys, ledgerKeys, worker: 'late' }, lane);
    const { fence } = await guard.claimLane(lane);
    const { staged } = await guard.disposeBatch(lane, fence, 10);
    const refusal = await refusalOf(sealer.seal(staged));
    await sealer.recover().catch(() => undefined);
    return refusal;
  }
  const ended = async () => {
    const fresh = await rotate();
    await site.sequence();
    await revoke();
    return fresh;
  };

  it('seals again with the one in use, when that came while it sealed', async () => {
    const fresh = await ended();
    expect(await sealing(old, fresh)).toBe('none');
    await site.sequence();
    expect(await sealers()).toEqual([fresh.name]);
  });

  it('is refused otherwise and may try again, and the batch waits for another worker', async () => {
    await ended();
    expect(await sealing()).toBe('SIGNER_REVOKED');
    expect(mayRetry('SIGNER_REVOKED')).toBe(true);
    expect(await site.governed.sql`select from retain_guard.batch_staged`).toHaveLength(1);
    expect(await site.governed.sql`select from retain_guard.batch_sealed`).toHaveLength(0);
  });

  const turn = { readControl: async () => undefined, onOldest: () => undefined };
  it.each([
    ['was revoked', () => old, 'SIGNER_REVOKED'],
    ['the ledger does not know', () => testKey('worker', 77), 'LEDGER_KEY_MISSING'],
  ])(
    'appends nothing with a key that %s, neither for a store nor for the control database',
    async (_, key, code) => {
      const { retain } = site.governed;
      await ended();
      await site.sequence();
      const deps = { ...site.deps, keys: { ...retain.ledgerKeys, worker: async () => key() } };
      const before = await size();
      await site.destroySome(2);
      await another();
      expect(await refusalOf(sequenceControl(deps))).toBe(code);
      expect(await refusalOf(sequenceStore(deps, site.store, turn))).toBe(code);
      expect(await size()).toBe(before);
    },
  );

  it('appends what the admin key signed all the same: another key may come that way', async () => {
    const { retain } = site.governed;
    await site.sequence();
    await rotate();
    const deps = {
      ...site.deps,
      keys: { ...retain.ledgerKeys, worker: async () => testKey('worker', 77) },
    };
    expect(await sequenceControl(deps)).toMatchObject({ entries: 1 });
  });
});
