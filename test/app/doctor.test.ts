/** What `retain doctor` says of databases and stores. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recoverLedger } from '../../app/ledger/recover.ts';
import { ledgerRound } from '../../app/ledger/round.ts';
import { requireHead } from '../../app/ledger/sequence.ts';
import { installSchedule } from '../../app/schedules.ts';
import { uninstallStore } from '../../app/store-admin.ts';
import { folderSource } from '../../cli/log-source.ts';
import { parseSchedule } from '../../config/schedule-file.ts';
import { openControlDb } from '../../db/client.ts';
import { createDatabase } from '../support/database.ts';
import { complaints, doctorSays } from '../support/doctor.ts';
import { type PublishedSite, publishedSite } from '../support/published-site.ts';
import { awake, backedUp } from '../support/restore.ts';

const NOBODY = 'postgres://retain@127.0.0.1:1/retain';

let site: PublishedSite;
beforeEach(async () => {
  site = await publishedSite();
  await site.destroySome(3);
  await ledgerRound(site.rounds());
});
afterEach(() => site.end());

const sql = (statement: string) => site.governed.sql.unsafe(statement);
const size = async () => (await requireHead(site.deps.ledger)).size;

describe('the databases', () => {
  it('a ledger that follows is well, in these words', async () => {
    const { worker, log } = await keyNames();
    const entries = await size();
    expect(await doctorSays(site, { keeping: { size: entries } })).toEqual([
      'ok control database: answers; schedule version 1 is in force',
      `ok ledger: log.example.org/test has ${entries} entries; nothing waits`,
      `ok ledger: signed: N s ago, of ${entries} entries`,
      `ok ledger: keys: ${worker} signs entries, ${log} signs heads`,
      `ok ledger: signer: the database has all that was signed, ${entries} entries`,
      expect.stringMatching(/^ok ledger: epoch keys: /),
      `ok ledger: published: DIR has ${entries} entries, signed N s ago`,
      'ok store records: answers; guard and rights are as they must be',
      "ok store records: clock: within a minute of this machine's",
      'ok store records: sealing: every batch is sealed',
      `ok Temporal: answers; the ledger is kept, ${entries} entries`,
      'ok epoch keys: KEYS is for its owner only',
    ]);
  });

  it('batches may wait for a minute and no longer, and it is well when the ledger has followed', async () => {
    await site.destroySome(2);
    expect(await doctorSays(site)).toContainEqual(
      expect.stringMatching(/^ok ledger: .* entries; \d+ waiting, the oldest for N s$/),
    );
    await sql(`update retain_guard.batch_sealed set sealed_at = sealed_at - interval '61 seconds'`);
    expect(await complaints(site)).toEqual([
      expect.stringMatching(
        /^error ledger LEDGER_LAGS: log\.example\.org\/test: \d+ waiting, the oldest for N s\. Disposal stops when batches wait so long\. Is a worker running\?$/,
      ),
      expect.stringMatching(/^warning store records: guard LEDGER_LAGS: 1 sealed batches/),
    ]);
    await ledgerRound(site.rounds());
    expect(await complaints(site)).toEqual([]);
  });

  it('a schedule that waits for the ledger is seen too', async () => {
    const { document = '' } = (await site.governed.retain.control.latestSchedule()) ?? {};
    await install(`${document}\n`);
    expect(await complaints(site)).toEqual([]);
    await sql(`update retain.log_outbox set at = at - interval '61 seconds'`);
    expect(await complaints(site)).toEqual([
      'error ledger LEDGER_LAGS: log.example.org/test: 1 waiting, the oldest for N s. Disposal stops when batches wait so long. Is a worker running?',
    ]);
    await ledgerRound(site.rounds());
    expect(await complaints(site)).toEqual([]);
  });

  it('the newest signed head is at most two hours old, and signed again', async () => {
    const grown = (by: string) =>
      sql(`update retain.log_checkpoint set signed_at = signed_at - interval '${by}'`);
    await grown('119 minutes');
    expect(await complaints(site)).toEqual([]);
    await grown('2 minutes');
    expect(await complaints(site)).toEqual([
      'error ledger: signed LEDGER_LAGS: The newest signed head is 2 h old. Is a worker running?',
    ]);
    await ledgerRound(site.rounds());
    expect(await complaints(site)).toEqual([]);
  });

  it('after a restore everything says so, and the other checks are made; after the recovery a worker is missing', async () => {
    const restore = await backedUp(site.governed.url);
    await awake(site);
    await site.destroySome(2);
    await ledgerRound(site.rounds());
    const signed = await size();
    await restore();
    await awake(site);
    const entries = await size();
    expect(await doctorSays(site)).toEqual([
      'ok control database: answers; schedule version 1 is in force',
      expect.stringMatching(/^ok ledger: /),
      `ok ledger: signed: N s ago, of ${entries} entries`,
      expect.stringMatching(/^ok ledger: keys: /),
      `error ledger: signer LEDGER_BEHIND: The ledger in the database has ${entries} entries and ${signed} were signed: it was restored from a backup. Nothing is destroyed until it is brought back. Run: retain log recover`,
      expect.stringMatching(/^ok ledger: epoch keys: /),
      `error ledger: published LEDGER_BEHIND: DIR has ${signed} entries and the database ${entries}: it was restored from a backup. Run: retain log recover`,
      'ok store records: answers; guard and rights are as they must be',
      "ok store records: clock: within a minute of this machine's",
      'ok store records: sealing: every batch is sealed',
      'ok Temporal: answers; the ledger is kept, 1 entries',
      'ok epoch keys: KEYS is for its owner only',
    ]);
    await recoverLedger(site.governed.retain, folderSource(site.dir), []);
    expect(await complaints(site)).toEqual([
      `error ledger: published LEDGER_LAGS: DIR has ${signed} entries and the newest signed head of the database ${entries}: after a recovery a worker signs another. Is one running?`,
    ]);
    await ledgerRound(site.rounds());
    expect(await complaints(site)).toEqual([]);
  });

  it('a store that told something else than the ledger knows was restored, and is named', async () => {
    await sql(`set session_replication_role = replica;
      update retain_guard.event set at = at + interval '1 microsecond'
       where event_no = (select max(event_no) from retain_guard.event);
      reset session_replication_role`);
    expect(await complaints(site)).toEqual([
      'error ledger LEDGER_BEHIND: Store records does not know what it told the ledger: it was restored from a backup. Run: retain log recover',
    ]);
  });

  it('a control database that does not answer hides neither Temporal nor the keys', async () => {
    for (const [url, code] of [
      [NOBODY, 'STORE_UNAVAILABLE'],
      [undefined, 'CONFIG_INVALID'],
    ] as const) {
      expect(await doctorSays(site, { environment: { DATABASE_URL: url } })).toEqual([
        expect.stringMatching(new RegExp(`^error control database ${code}: `)),
        'ok Temporal: answers; the ledger is kept, 1 entries',
        'ok epoch keys: KEYS is for its owner only',
      ]);
    }
  });

  it('without a ledger or a schedule it says what to run, and nothing of heads', async () => {
    const empty = await createDatabase();
    try {
      await (await openControlDb(empty.url, { migrate: true })).end();
      const environment = { DATABASE_URL: empty.url };
      expect(await complaints(site, { environment })).toEqual([
        'error control database SCHEDULE_NOT_INSTALLED: No schedule is installed. Run: retain schedule install FILE',
        'error ledger LEDGER_MISSING: There is no ledger yet. Run: retain keys init --origin NAME',
      ]);
    } finally {
      await empty.drop();
    }
  });
});

describe('a store', () => {
  it('that does not answer is named, and the heads are looked at all the same', async () => {
    const said = await doctorSays(site, { environment: { TEST_STORE_URL: NOBODY } });
    expect(said.filter((line) => !line.startsWith('ok'))).toEqual([
      'error ledger STORE_UNAVAILABLE: Store records does not answer. Is the database up?',
      'error store records STORE_UNAVAILABLE: Store records does not answer. Is the database up?',
    ]);
    expect(said).toContainEqual(expect.stringMatching(/^ok ledger: published: /));
  });

  it('without its guard, or with one that was taken away, is told so once', async () => {
    const { retain, store } = site.governed;
    const { document = '' } = (await retain.control.latestSchedule()) ?? {};
    const { schedule } = parseSchedule(document, 'installed');
    if (!schedule) throw new Error('the schedule cannot be read');
    await uninstallStore(retain, schedule, store);
    expect(await complaints(site)).toContainEqual(
      'error store records: guard GUARD_MISSING: the guard was uninstalled and left its log; run: retain store install',
    );
    await sql('drop schema retain_guard cascade');
    const said = await doctorSays(site);
    expect(said.filter((line) => !line.startsWith('ok'))).toEqual([
      'error ledger GUARD_MISSING: The guard is not installed in store records, or a governed table is gone. Run: retain store install',
      'error store records: guard GUARD_MISSING: the guard is not installed; run: retain store install',
    ]);
    expect(said.join('\n')).not.toContain('sealing');
  });

  it('with batches that nobody seals for a minute says so, and is well when they are sealed', async () => {
    const { governed } = site;
    await sql(`insert into public.parcel select n, '2010-01-01' from generate_series(101, 105) n;
      analyze public.parcel`);
    const plan = await governed.plan();
    await governed.approve(plan);
    await governed.open(plan);
    const lane = { run: plan.document.run, step: 1, lane: 1 };
    const { fence } = await governed.guard.claimLane(lane);
    await governed.guard.disposeBatch(lane, fence, 5);
    expect(await doctorSays(site)).toContain(
      'ok store records: sealing: 1 not sealed, the oldest for N s',
    );
    await sql(
      `update retain_guard.batch_staged set executed_at = executed_at - interval '61 seconds'`,
    );
    expect(await complaints(site)).toEqual([
      expect.stringMatching(/^warning store records: guard UNSEALED_BACKLOG: /),
      'error store records: sealing UNSEALED_BACKLOG: 1 not sealed, the oldest for N s. Is a worker running?',
    ]);
    await governed.workLane(plan, 1, 1);
    expect(await complaints(site)).toEqual([]);
  });
});

async function install(text: string): Promise<void> {
  const request = { text, fileName: 'test.yaml', actor: 'installer', allowShorter: [] };
  await installSchedule(site.governed.retain, request);
}

async function keyNames(): Promise<{ worker: string; log: string }> {
  const { ledgerKeys } = site.governed.retain;
  const [worker, [log]] = await Promise.all([ledgerKeys.worker(), ledgerKeys.log()]);
  return { worker: worker.name, log: log.name };
}
