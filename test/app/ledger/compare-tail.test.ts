/** Entries that are not published yet: no signed head covers them, and whoever owns the databases can write any. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { compared, type Published, publishedSite, shown } from '../../support/compared-site.ts';
import {
  appendAgain,
  appendForged,
  forgedRelease,
  superuser,
  unsignedReplay,
} from '../../support/forged-tail.ts';
import { type LedgerSite, ledgerSite, placeHold } from '../../support/ledger-site.ts';

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

const found = async () =>
  (await compared(site.governed.retain, published)).findings.map(shown).sort();
const size = async () => (await published.head()).size;

it('is a warning when it is older than a minute', async () => {
  await published.publish();
  const { sql } = site.governed;
  await placeHold(site, 5_000);
  await sql`update retain_guard.event set at = at - interval '61 seconds' where first_index is null`;
  await site.sequence();
  const { findings } = await compared(site.governed.retain, published);
  const size = (await published.head()).size;
  expect(findings.map(shown)).toEqual([`E_DB_AHEAD retain.log_seq ${size}`]);
  expect(findings.map(({ severity }) => severity)).toEqual(['warning']);
});

it('is a warning when it is of a time ahead of the clock', async () => {
  await published.publish();
  await placeHold(site, 5_000);
  const { sql } = site.governed;
  await sql`update retain_guard.event set at = at + interval '1 hour' where first_index is null`;
  await site.sequence();
  expect(await found()).toEqual([`E_DB_AHEAD retain.log_seq ${await size()}`]);
});

it.each([
  [
    'a batch changed',
    `update retain_guard.batch set destroyed = destroyed - 1`,
    'E_DB_HEADER batch {batch} destroyed',
  ],
  ['a seal gone', 'delete from retain_guard.batch_sealed', 'E_DB_TREE retain.log_seq {index}'],
  [
    'references changed',
    `update retain_guard.batch_sealed set refs = sha256('x') || sha256('y')`,
    'E_DB_ITEM batch_sealed {batch} refs',
  ],
  [
    'a place gone',
    `delete from retain.log_seq where kind = 'run.open'`,
    'E_DB_TREE retain.log_seq',
  ],
  [
    'an entry changed',
    `update retain.log_seq set entry = '\\x00' where kind = 'run.open'`,
    'E_DB_TREE retain.log_seq',
  ],
  [
    'a statement changed',
    `update retain_guard.event set at = at - interval '1 s' where kind = 'run.open'`,
    'E_DB_STATEMENT event',
  ],
  [
    'the head',
    `update retain.log_state set root = sha256('x')`,
    'E_DB_TREE retain.log_state the head root',
  ],
])('is compared with its rows: %s', async (_, statement, expected) => {
  await published.publish();
  await site.destroySome(2);
  await site.sequence();
  const { sql } = site.governed;
  const [names] = await sql<Record<string, string>[]>`
    select batch_id::text as batch, first_index::text as index from retain_guard.batch_sealed`;
  await sql.unsafe(statement);
  const text = expected.replaceAll(/\{(\w+)\}/g, (whole, name: string) => names?.[name] ?? whole);
  expect((await found()).some((one) => one.startsWith(text))).toBe(true);
});

it('is not believed without the signature of a worker, however well its rows fit', async () => {
  await placeHold(site, 900_001);
  await published.publish();
  const at = await size();
  await forgedRelease(site, { signed: false });
  expect(await found()).toContain(`E_DB_TREE retain.log_seq ${at} entry`);
});

it('is believed with it: only then can the log have been told', async () => {
  await placeHold(site, 900_001);
  await published.publish();
  await forgedRelease(site, { signed: true });
  expect(await found()).toEqual([]);
});

it.each(['hold.place', 'batch', 'genesis'])(
  'is not believed when it is another entry once more: %s',
  async (kind) => {
    await placeHold(site, 900_001);
    await site.destroySome(3);
    await published.publish();
    const at = await size();
    await appendAgain(site, kind);
    expect(await found()).toContain(`E_DB_TREE retain.log_seq ${at} entry`);
  },
);

it('excuses nothing: not even a replay that somebody wrote over tables that were emptied', async () => {
  await placeHold(site, 900_001);
  await site.destroySome(5);
  await published.publish();
  const at = await size();
  const entry = await unsignedReplay(site);
  await appendForged(site, { source: 'control', kind: 'replay', n: null, entry });
  await superuser(
    site,
    `insert into retain.log_kept select batch_id, header, refs from retain_guard.batch_sealed;
     delete from retain_guard.hold_key; delete from retain_guard.hold; delete from retain_guard.event;
     delete from retain_guard.batch_sealed; delete from retain_guard.batch; delete from retain_guard.lane;
     delete from retain_guard.run; delete from retain_guard.decision; delete from retain_guard.step;
     delete from retain_guard.plan; delete from retain_guard.key_epoch; delete from retain.run`,
  );
  const codes = new Set((await found()).map((one) => one.split(' ').slice(0, 2).join(' ')));
  for (const table of ['batch', 'batch_sealed', 'event', 'hold', 'plan', 'run', 'decision']) {
    expect(codes).toContain(`E_DB_MISSING ${table}`);
  }
  expect(await found()).toContain(`E_DB_TREE retain.log_seq ${at} entry`);
});
