/** The database as it was yesterday: nothing runs until the log is back, and the way back loses no hold. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { delivery } from '../../../app/ledger/delivery.ts';
import { folderSink } from '../../../app/ledger/folder-sink.ts';
import { requireLedgerInStep, requireStoreInStep } from '../../../app/ledger/in-step.ts';
import { startingPolicy } from '../../../app/ledger/key-admin.ts';
import { recoverLedger } from '../../../app/ledger/recover.ts';
import { ledgerRound } from '../../../app/ledger/round.ts';
import { fileSigner } from '../../../app/ledger/signer.ts';
import { decodeEntry } from '../../../ledger/entry.ts';
import { parsePolicy } from '../../../ledger/policy-file.ts';
import { readStatement } from '../../../ledger/statements.ts';
import type { LogSource } from '../../../ledger/verify/log-source.ts';
import { verifyLog } from '../../../ledger/verify/verify-log.ts';
import { type LedgerSite, ledgerSite } from '../../support/ledger-site.ts';
import { awake, backedUp } from '../../support/restore.ts';

let site: LedgerSite;
let dir: string;
beforeEach(async () => {
  site = await ledgerSite();
  dir = await mkdtemp(join(tmpdir(), 'retain-published-'));
});
afterEach(async () => {
  await site.end();
  await rm(dir, { recursive: true });
});

const published: LogSource = {
  read: (path, most) =>
    readFile(join(dir, path)).then(
      (bytes) => bytes.subarray(0, most),
      () => undefined,
    ),
};

async function round() {
  const done = await ledgerRound({
    ...site.deps,
    signer: site.governed.retain.ledgerSigner,
    stores: async () => [site.store.store],
    open: async () => site.store,
    readSealed: site.readSealed,
    delivery: delivery({
      sinks: [folderSink(dir)],
      ledger: site.deps.ledger,
      signedSize: async () => (await site.governed.retain.ledgerSigner.last())?.size ?? 0,
      report: () => undefined,
      now: Date.now,
    }),
    now: Date.now,
  });
  expect(done.troubled).toEqual([]);
  return done;
}

async function placeHold(parcel: number): Promise<number> {
  const [row] = await site.governed.sql<{ hold_no: string }[]>`
    with m as (select retain_guard.open_matter('M-1', 'matter', 'helena'))
    select hold_no from m, retain_guard.place_hold('M-1', 'complaint', 'letter', 'helena', '2030-01-01',
      '{parcel}', ${[String(parcel)]}, '{}', '{}')`;
  return Number(row?.hold_no);
}

const recover = (lostHolds: string[] = []) =>
  recoverLedger(site.governed.retain, published, lostHolds);

/** By the verifier that auditors use. */
async function expectVerified(): Promise<void> {
  const policy = parsePolicy(Buffer.from(await startingPolicy(site.governed.retain)));
  const report = await verifyLog(published, policy, { now: Date.now() / 1_000 });
  expect(report.findings.filter(({ code }) => code !== 'E_RUNOPEN')).toEqual([]);
}

it('nothing may run after a restore, until the log is back with every entry that was signed', async () => {
  await site.destroySome(20);
  await round();
  const restore = await backedUp(site.governed.url);
  await awake(site);
  const lost = await site.destroySome(300);
  await round();
  const before = await site.entries();
  const signed = await site.governed.retain.ledgerSigner.last();

  await restore();
  await awake(site);
  await expect(
    requireLedgerInStep(site.deps.ledger, site.governed.retain.ledgerSigner),
  ).rejects.toMatchObject({ code: 'LEDGER_BEHIND' });
  await expect(requireStoreInStep(site.deps.ledger, site.store, lost)).resolves.toBeUndefined();
  await expect(round()).rejects.toMatchObject({ code: 'LEDGER_BEHIND' });

  const recovered = await recover();
  expect(recovered).toMatchObject({ size: before.length + 1, kept: 1, runsAbandoned: [] });
  const after = await site.entries();
  expect(after.slice(0, before.length)).toEqual(before);
  const replay = decodeEntry(after[before.length] as Buffer);
  if (replay.kind === 'record') throw new Error('a record stands where the replay should');
  expect(readStatement(replay)).toMatchObject({ kind: 'replay', size_after: signed?.size });

  // The records that the restore brought back are due again, and go with an entry of their own.
  await round();
  await site.destroySome(5);
  await round();
  expect((await site.governed.retain.ledgerSigner.last())?.size).toBeGreaterThan(before.length);
  await expectVerified();
});

/** Answers the number of a hold that the ledger knows and the restored store does not. */
async function holdLostInRestore(): Promise<number> {
  await site.destroySome(3);
  await round();
  const restore = await backedUp(site.governed.url);
  await awake(site);
  const hold = await placeHold(1_000);
  await round();
  await restore();
  await awake(site);
  return hold;
}

it('names the legal holds that the restore took away, and changes nothing before all are named', async () => {
  const hold = await holdLostInRestore();
  await expect(recover()).rejects.toMatchObject({ code: 'HOLDS_LOST' });
  await expect(round()).rejects.toMatchObject({ code: 'LEDGER_BEHIND' });
  await recover([`H-${hold}`]);
  await round();
  // The hold that takes its place is a new one, to the ledger as well.
  expect(await placeHold(1_000)).toBeGreaterThan(hold);
  await round();
  await expectVerified();
});

it('names a lost hold whose number another hold has taken meanwhile', async () => {
  const hold = await holdLostInRestore();
  expect(await placeHold(2_000)).toBe(hold);
  await expect(recover()).rejects.toMatchObject({ code: 'HOLDS_LOST' });
});

it('runs no batch in a store that tells something else under a number that the ledger knows', async () => {
  const run = await site.destroySome(3);
  await round();
  await requireStoreInStep(site.deps.ledger, site.store, run);
  await site.governed.sql.unsafe(`set session_replication_role = replica;
    update retain_guard.event set at = at + interval '1 microsecond'
     where event_no = (select max(event_no) from retain_guard.event);
    reset session_replication_role`);
  await expect(requireStoreInStep(site.deps.ledger, site.store, run)).rejects.toMatchObject({
    code: 'LEDGER_BEHIND',
  });
});

it('runs nothing with a signer that has forgotten what it signed', async () => {
  await site.destroySome(3);
  await round();
  await rm(join(site.governed.keyDir, '_ledger', 'signed'), { recursive: true });
  const fresh = fileSigner(site.governed.keyDir, site.governed.retain.ledgerKeys);
  await expect(requireLedgerInStep(site.deps.ledger, fresh)).rejects.toMatchObject({
    code: 'LEDGER_SIGNER_UNREADABLE',
  });
});

it('gives up a run that was under way, and keeps what people did after the restore', async () => {
  await site.destroySome(3);
  await round();
  const { governed } = site;
  await governed.sql`insert into public.parcel select n, '2010-01-01' from generate_series(5001, 5010) n`;
  const plan = await governed.plan();
  await governed.approve(plan);
  const restore = await backedUp(governed.url);
  await awake(site);
  await governed.open(plan);
  await governed.workLane(plan, 1, 1);
  await round();
  await restore();
  await awake(site);
  // As many statements again as the restore took away: only their instants tell them apart.
  const hold = await placeHold(5_001);
  await governed.open(plan);
  const recovered = await recover();
  expect(recovered.runsAbandoned).toEqual([plan.document.run]);
  await round();
  const [run] =
    await governed.sql`select outcome from retain_guard.run where run_id = ${plan.document.run}`;
  expect(run?.['outcome']).toBe('stopped');
  const kinds = (await site.entries()).map((entry) => decodeEntry(entry).kind);
  expect(kinds.slice(kinds.indexOf('replay'))).toContain('hold.place');
  expect(hold).toBeGreaterThan(0);
});

it('refuses a copy that is not what was signed', async () => {
  await site.destroySome(3);
  await round();
  const restore = await backedUp(site.governed.url);
  await awake(site);
  await site.destroySome(3);
  await round();
  await restore();
  await awake(site);
  const forged: LogSource = {
    read: async (path, most) => {
      const bytes = await published.read(path, most);
      if (bytes !== undefined && path.startsWith('tile/entries/'))
        bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      return bytes;
    },
  };
  await expect(recoverLedger(site.governed.retain, forged, [])).rejects.toMatchObject({
    code: 'LEDGER_FORKED',
  });
  await expect(round()).rejects.toMatchObject({ code: 'LEDGER_BEHIND' });
});
