/** After a restore the log says what the backup lacked, once and for all: that is excused, and nothing that goes later. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startingPolicy } from '../../../app/ledger/key-admin.ts';
import { recoverLedger } from '../../../app/ledger/recover.ts';
import { installSchedule } from '../../../app/schedules.ts';
import { folderSource } from '../../../cli/log-source.ts';
import { sha256 } from '../../../ledger/hashing.ts';
import { parsePolicy } from '../../../ledger/policy-file.ts';
import { verifyLog } from '../../../ledger/verify/verify-log.ts';
import {
  compared,
  copyOf,
  filled,
  letGo,
  type Named,
  type Published,
  publishedSite,
  shown,
  verifiedLog,
} from '../../support/compared-site.ts';
import { type LedgerSite, ledgerSite, placeHold } from '../../support/ledger-site.ts';
import { awake, backedUp } from '../../support/restore.ts';
import { AFTER_A_RESTORE, CHANGED_IN_KEPT } from './tampering/kept-columns.ts';
import type { Tampering } from './tampering/names.ts';

let site: LedgerSite;
let published: Published;
/** The published log as it was before the recovery told of itself. */
let before: string;
let named: Named;

beforeAll(async () => {
  site = await ledgerSite();
  published = await publishedSite(site);
  before = await mkdtemp(join(tmpdir(), 'retain-published-'));
  const { governed } = site;
  await site.destroySome(20);
  await placeHold(site, 900_001);
  // A run that the backup has half of, and a batch behind its last statement.
  await governed.sql`insert into public.parcel select n, '2010-01-01' from generate_series(700001, 700003) n`;
  const open = await governed.plan();
  await governed.approve(open);
  await governed.open(open);
  await governed.workLane(open, 1, 1);
  await published.publish();
  const restore = await backedUp(governed.url);
  await awake(site);
  await governed.close(open);
  await newSchedule();
  await site.destroySome(20);
  await placeHold(site, 900_002);
  await published.publish();
  await cp(published.dir, before, { recursive: true });
  await restore();
  await awake(site);
  const { runsAbandoned } = await recoverLedger(governed.retain, published.source, ['H-2']);
  expect(runsAbandoned).toEqual([]);
  await published.publish();
  named = await names(open.document.run);
  await letGo(site);
});
afterAll(async () => {
  await rm(before, { recursive: true });
  await published.end();
  await site.end();
});

async function newSchedule(): Promise<void> {
  const { retain } = site.governed;
  const installed = await retain.control.latestSchedule();
  const text = (installed?.document ?? '').replace('Small Test', 'Small Test Again');
  const by = { fileName: 'test.yaml', actor: 'installer', allowShorter: [] };
  await installSchedule(retain, { text, ...by });
}

async function names(run: string): Promise<Named> {
  const [row] = await site.governed.sql<Record<string, string>[]>`
    select (select batch_id::text from retain.log_kept) as lost,
           (select (max(event_no) + 1)::text from retain_guard.event) as taken,
           (select event_no::text from retain_guard.event where kind = 'hold.place') as "holdEvent",
           b.batch_id::text as batch
      from retain_guard.batch b where b.run_id = ${run}`;
  return { ...row, run, nobody: '00000000-0000-4000-8000-000000000000' };
}

async function expectFound([, statements, expected]: Tampering): Promise<void> {
  const copy = await copyOf(site);
  try {
    await copy.sql.begin(async (sql) => {
      await sql.unsafe('set local session_replication_role = replica');
      await sql.unsafe(filled(statements, named));
    });
    const { findings } = await compared(copy.retain, published);
    const all = expected.map((one) => filled(one, named));
    expect(findings.map(shown).sort()).toEqual(all.sort());
  } finally {
    await copy.end();
  }
}

it('an honest database has no finding', () => expectFound(['honest', 'select', []]));

it('the replay names the last statement that the store still had, and the batch that it lost', async () => {
  const [replay] = (await published.verified()).replays;
  const ids = Buffer.from((named['lost'] ?? '').replaceAll('-', ''), 'hex');
  expect(replay?.statement.lost).toEqual({
    'store:records': {
      after: Number(named['taken']) - 1,
      batches: { count: 1, sha256: sha256(ids).toString('hex') },
    },
  });
});

describe('what is kept of the batches that were lost is compared', () => {
  it.each(CHANGED_IN_KEPT)('%s', (...tampering) => expectFound(tampering));
});

describe('what the backup had is missed when it goes later', () => {
  it.each(AFTER_A_RESTORE)('%s', (...tampering) => expectFound(tampering));
});

it('what the backup had is missed to the last row', async () => {
  const copy = await copyOf(site);
  try {
    const { sql, retain } = copy;
    const events = await sql<{ n: string }[]>`select event_no::text as n from retain_guard.event`;
    await sql.begin(async (tx) => {
      await tx.unsafe('set local session_replication_role = replica');
      for (const table of ['run', 'decision', 'step', 'plan', 'event', 'hold_key', 'hold']) {
        await tx.unsafe(`delete from retain_guard.${table}`);
      }
    });
    const found = (await compared(retain, published)).findings.map(shown);
    const expected = [
      ...events.map(({ n }) => `event ${n}`),
      ...['hold 1', 'hold_key 1 parcel', `run ${named['run']}`, `plan ${named['run']}`],
    ];
    for (const row of expected) expect(found).toContain(`E_DB_MISSING ${row}`);
  } finally {
    await copy.end();
  }
});

it('a recovery that is not published yet excuses nothing', async () => {
  const copy = await copyOf(site);
  try {
    const policy = parsePolicy(Buffer.from(await startingPolicy(copy.retain)));
    const source = folderSource(before);
    const report = await verifyLog(source, policy, { now: 0 });
    const verified = async () => verifiedLog(source, report);
    const found = (await compared(copy.retain, { verified })).findings.map(shown);
    expect(found).toContain(`E_DB_MISSING event ${named['taken']}`);
    expect(found).toContain(filled('E_DB_MISSING batch {lost}', named));
  } finally {
    await copy.end();
  }
});
