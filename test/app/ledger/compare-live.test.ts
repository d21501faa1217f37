/** Databases at work, read by an auditor: honest ones are not accused. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Retain } from '../../../app/context.ts';
import { compareDatabase } from '../../../app/ledger/compare-database.ts';
import { noLedgerKeys } from '../../../app/ledger-keys.ts';
import { uninstallStore } from '../../../app/store-admin.ts';
import { parseSchedule } from '../../../config/schedule-file.ts';
import { openControlDb } from '../../../db/client.ts';
import { compared, type Published, publishedSite, shown } from '../../support/compared-site.ts';
import { type LedgerSite, ledgerSite, placeHold } from '../../support/ledger-site.ts';

const HONEST = { findings: [], skipped: [] };

let site: LedgerSite;
let published: Published;
beforeEach(async () => {
  site = await ledgerSite();
  published = await publishedSite(site);
});
afterEach(async () => {
  await published.end();
  await site.end();
});

const found = async (retain: Retain = site.governed.retain) =>
  (await compared(retain, published)).findings.map(shown).sort();

describe('an honest database has no finding', () => {
  it('while records are destroyed, holds placed, batches appended and heads published', async () => {
    await site.destroySome(5);
    await published.publish();
    let stop = false;
    const work = (async () => {
      for (let turn = 0; !stop; turn += 1) {
        await site.destroySome(40);
        await placeHold(site, 1_000_000 + turn);
        await published.publish();
      }
    })();
    for (let times = 0; times < 12; times += 1) {
      expect(await compared(site.governed.retain, published)).toEqual(HONEST);
    }
    stop = true;
    await work;
    expect(await compared(site.governed.retain, published)).toEqual(HONEST);
  });

  it('when it has more than the copy, and a run is at work', async () => {
    await published.publish();
    await site.destroySome(5);
    await site.sequence();
    await site.destroySome(5);
    expect(await compared(site.governed.retain, published)).toEqual(HONEST);
  });

  it('after its guard was removed', async () => {
    await site.destroySome(5);
    const { retain, store } = site.governed;
    const installed = await retain.control.latestSchedule();
    const { schedule } = parseSchedule(installed?.document ?? '', 'test.yaml');
    if (schedule === undefined) throw new Error('the schedule does not parse');
    await uninstallStore(retain, schedule, store);
    await published.publish();
    expect(await found()).toEqual([]);
  });
});

describe('an auditor', () => {
  /** Of a login that may read as the auditor role does, and nothing else. */
  async function asAuditor(work: (retain: Retain) => Promise<void>): Promise<void> {
    const { sql, retain, url } = site.governed;
    const role = `auditor_${process.pid}`;
    await sql.unsafe(`create role ${role} login password 'x' in role retain_auditor;
      grant usage on schema retain to ${role}; grant select on all tables in schema retain to ${role}`);
    const address = new URL(url);
    [address.username, address.password] = [role, 'x'];
    const control = await openControlDb(address.href, { migrate: false });
    try {
      await work({ ...retain, control, urlOf: () => address.href, ledgerKeys: noLedgerKeys() });
    } finally {
      await control.end();
      await sql.unsafe(`drop owned by ${role}; drop role ${role}`);
    }
  }

  it('compares with the rights of the auditor role alone, and is told what cannot be compared', async () => {
    await placeHold(site, 5_000);
    await site.destroySome(5);
    await published.publish();
    await asAuditor(async (retain) => {
      const { findings, skipped } = await compared(retain, published);
      expect(findings).toEqual([]);
      expect(skipped).toEqual(['Names of people and matters: the names key is not here.']);
    });
  });

  it('without the names key finds everything but another name', async () => {
    await placeHold(site, 5_000);
    await site.destroySome(5);
    await published.publish();
    const { sql } = site.governed;
    await sql`update retain_guard.hold set placed_by = 'amira'`;
    await sql`update retain_guard.hold set reason = 'inquiry'`;
    await sql`update retain_guard.event set names = names || '{"more": "name"}' where event_no = 2`;
    await asAuditor(async (retain) => {
      expect(await found(retain)).toEqual([
        'E_DB_ROW hold 1 reason',
        'E_DB_STATEMENT event 2 names',
      ]);
    });
  });
});

describe('what never got into the log', () => {
  it('18: a committed batch that is never integrated, sealed or not, is found after a minute', async () => {
    await published.publish();
    await site.destroySome(5);
    const { sql } = site.governed;
    const [sealed] = await sql<
      { batch: string }[]
    >`select batch_id::text as batch from retain_guard.batch`;
    expect(await found()).toEqual([]);
    const minute = sql`interval '61 seconds'`;
    await sql`update retain_guard.batch set executed_at = executed_at - ${minute}`;
    expect(await found()).toEqual([`E_DB_UNSEQUENCED batch_sealed ${sealed?.batch}`]);
    await sql`insert into retain_guard.batch_staged (batch_id, run_id, step_no, lane_no, executed_at, keys)
      select batch_id, run_id, step_no, lane_no, executed_at, '{1}' from retain_guard.batch`;
    await sql`delete from retain_guard.batch_sealed`;
    expect(await found()).toEqual([`E_DB_UNSEQUENCED batch ${sealed?.batch}`]);
  });

  it.each(['-', '+'])(
    'a statement that waits for more than a minute, or is of a time to come, is found: %s',
    async (sign) => {
      await published.publish();
      await placeHold(site, 5_000);
      const { sql } = site.governed;
      await sql`insert into retain.log_outbox (kind, body) values ('rule.version', '{"version": 9}')`;
      expect(await found()).toEqual([]);
      for (const table of ['retain_guard.event', 'retain.log_outbox']) {
        const later = sign === '+' ? '10 minutes' : '61 seconds';
        await sql.unsafe(
          `update ${table} set at = at ${sign} interval '${later}' where first_index is null`,
        );
      }
      const [event] = await sql<
        { n: string }[]
      >`select max(event_no)::text as n from retain_guard.event`;
      const [row] = await sql<{ no: string }[]>`select max(no)::text as no from retain.log_outbox`;
      expect(await found()).toEqual([
        `E_DB_UNSEQUENCED event ${event?.n}`,
        `E_DB_UNSEQUENCED retain.log_outbox ${row?.no}`,
      ]);
    },
  );

  it('a statement that is gone before it was appended leaves a gap', async () => {
    await published.publish();
    const { sql } = site.governed;
    for (const parcel of [1, 2, 3]) await placeHold(site, parcel);
    const [newest] = await sql<
      { n: number }[]
    >`select max(event_no)::integer as n from retain_guard.event`;
    const last = newest?.n ?? 0;
    await sql`delete from retain_guard.event where event_no = ${last - 1}`;
    expect(await found()).toEqual([
      'E_DB_COUNT hold 2',
      `E_DB_MISSING event ${last - 1} to ${last - 1}`,
    ]);
  });
});

it('a copy that changed since it was verified is refused', async () => {
  await site.destroySome(5);
  const head = await published.publish();
  const log = { ...(await published.verified()), head: { ...head, root: Buffer.alloc(32) } };
  const all = async () => {
    for await (const finding of compareDatabase(site.governed.retain, log)) expect(finding).toBe(0);
  };
  await expect(all()).rejects.toMatchObject({ code: 'LEDGER_MALFORMED' });
});
