import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkStore } from '../../app/store-admin.ts';
import { parseSchedule } from '../../config/schedule-file.ts';
import type { Plan } from '../../domain/plan.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { closingTable, deleteAfter, scheduleText } from './small-schedule.ts';
import { idsOf, refusalOf, weaken } from './tampering.ts';
import { type Indexes, mark } from './told.ts';

const TEXT = scheduleText({
  classes: { card: { table: 'public.card' }, folder: { table: 'public.folder' } },
  rules: {
    card_rule: deleteAfter('card', 'closed_on'),
    folder_rule: deleteAfter('folder', 'closed_on'),
  },
});
const NOBODY = '00000000-0000-4000-8000-000000000000';

let governed: Governed;
let plan: Plan;
let nextIndex = 1;

beforeAll(async () => {
  governed = await governedDatabase({
    ledger: 'waits',
    setup: (sql) => sql.unsafe(`${closingTable('card')} ${closingTable('folder')}`),
    schedule: TEXT,
  });
});
afterAll(() => governed.end());

/** One sealed batch of cards, and folders that are still to go, in another step of the run. */
beforeEach(async () => {
  await markAll();
  await governed.sql.unsafe(`truncate card, folder;
    insert into card select n, '2001-01-01' from generate_series(1, 3) n;
    insert into folder select n, '2001-01-01' from generate_series(1, 3) n;
    insert into folder values (4, '2026-01-01')`);
  plan = await governed.plan();
  await governed.approve(plan);
  await governed.open(plan);
  await governed.workLane(plan, stepOf('card'), 1);
});

const stepOf = (name: string) =>
  1 + plan.document.steps.findIndex(({ recordClass }) => recordClass === name);
const indexed = async () => {
  const rows = await governed.sql<{ batch: string; index: number | null }[]>`
    select batch_id::text as batch, first_index::integer as index from retain_guard.batch_sealed
     order by sealed_at`;
  return rows;
};
const waitingBatch = async () => (await indexed()).find(({ index }) => index === null)?.batch ?? '';
const grow = (seconds: number) =>
  governed.sql`update retain_guard.batch_sealed set sealed_at = sealed_at - make_interval(secs => ${seconds})`;

async function markAll(): Promise<void> {
  const batches = (await indexed()).flatMap(({ batch, index }) => (index === null ? [batch] : []));
  await mark(governed.url, { batches, batchIndexes: batches.map(() => nextIndex++) });
}

async function disposed(): Promise<string> {
  const lane = { run: plan.document.run, step: stepOf('folder'), lane: 1 };
  const { fence } = await governed.guard.claimLane(lane);
  return (await governed.guard.disposeBatch(lane, fence, 10)).outcome;
}
const folders = () => idsOf(governed.sql, 'folder');

describe('a sealed batch that the ledger has not taken', () => {
  it('stops every lane of the store once it is older than a minute, until it is taken', async () => {
    await grow(55);
    expect(await disposed()).toBe('worked');
    await governed.sql`insert into folder values (5, '2001-01-01')`;
    await grow(6);
    expect(await disposed()).toBe('unintegrated');
    expect(await folders()).toEqual([4, 5]);
    await markAll();
    expect(await disposed()).not.toBe('unintegrated');
  });

  it('destroys nothing while it waits', async () => {
    await grow(61);
    expect(await disposed()).toBe('unintegrated');
    expect(await folders()).toEqual([1, 2, 3, 4]);
    expect(
      await governed.sql`select from retain_guard.batch_staged where run_id = ${plan.document.run}`,
    ).toHaveLength(0);
    await markAll();
    expect(await disposed()).toBe('worked');
    expect(await folders()).toEqual([4]);
  });

  it('twin: a guard that does not look destroys what the ledger cannot follow', async () => {
    await grow(61);
    const restore = await weaken(
      governed.sql,
      'dispose_batch',
      "if retain_guard.unintegrated_since() < clock_timestamp() - interval '60 seconds' then",
      'if false then',
    );
    expect(await disposed()).toBe('worked');
    await restore();
    expect(await folders()).toEqual([4]);
  });

  it('is found at one end of an index, whatever else the log holds', async () => {
    const reads = await governed.sql.begin(async (tx) => {
      const counters = async () => {
        const [row] = await tx<{ scans: number; lookups: number }[]>`
          select coalesce(sum(seq_scan), 0)::integer as scans, coalesce(sum(idx_scan), 0)::integer as lookups
            from pg_stat_xact_user_tables where relname = 'batch_sealed'`;
        return row ?? { scans: 0, lookups: 0 };
      };
      const before = await counters();
      await tx`select retain_guard.unintegrated_since()`;
      const after = await counters();
      return { scans: after.scans - before.scans, lookups: after.lookups - before.lookups };
    });
    expect(reads).toEqual({ scans: 0, lookups: 1 });
  });

  it('is a finding of the store, once it stops disposal', async () => {
    const { schedule } = parseSchedule(TEXT, 'test.yaml');
    if (!schedule) throw new Error('the schedule does not parse');
    const codes = async () =>
      (await checkStore(governed.retain, schedule, governed.store)).map(({ code }) => code);
    expect(await codes()).toEqual([]);
    await grow(61);
    expect(await codes()).toEqual(['LEDGER_LAGS']);
    await markAll();
    expect(await codes()).toEqual([]);
  });
});

describe('where the ledger put things', () => {
  const marked = (indexes: Indexes) => refusalOf(mark(governed.url, indexes));
  const eventIndexes = async () => {
    const rows = await governed.sql<{ n: number; index: number | null }[]>`
      select event_no::integer as n, first_index::integer as index from retain_guard.event order by 1`;
    return rows;
  };

  it('is noted once: again is the same, elsewhere is refused', async () => {
    const batch = await waitingBatch();
    const [event] = (await eventIndexes()).filter(({ index }) => index === null);
    const at = nextIndex++;
    const both: Indexes = {
      ...{ batches: [batch], batchIndexes: [at] },
      ...{ events: [event?.n ?? 0], eventIndexes: [at + 1_000] },
    };
    expect(await marked(both)).toBe('none');
    expect(await marked(both)).toBe('none');
    expect(await marked({ ...both, batchIndexes: [at + 1] })).toBe('BATCH_MISMATCH');
    expect(await marked({ ...both, eventIndexes: [at + 1_001] })).toBe('BATCH_MISMATCH');
    expect((await indexed()).find((one) => one.batch === batch)?.index).toBe(at);
    expect(await eventIndexes()).toContainEqual({ n: event?.n, index: at + 1_000 });
  });

  it.each([
    ['a batch that is not there', { batches: [NOBODY], batchIndexes: [7] }],
    ['a statement that is not there', { events: [1_000_000], eventIndexes: [7] }],
    ['a batch without an index', { batches: ['waiting'], batchIndexes: [] }],
    ['an index without a batch', { batches: [], batchIndexes: [7] }],
    ['nothing for a batch', { batches: ['waiting'], batchIndexes: [null] }],
    ['a statement without an index', { events: [1], eventIndexes: [] }],
    ['two places for one batch', { batches: ['waiting', 'waiting'], batchIndexes: [7, 8] }],
  ] as [string, Indexes][])('%s is refused, with all that came with it', async (_what, wrong) => {
    const batch = await waitingBatch();
    const before = [await indexed(), await eventIndexes()];
    const [free] = (await eventIndexes()).filter(({ n, index }) => index === null && n > 1);
    const batches = (wrong.batches ?? []).map((one) => (one === 'waiting' ? batch : one));
    const events = wrong.events ?? [free?.n ?? 0];
    const eventIndexes_ = wrong.eventIndexes ?? [900_000];
    expect(await marked({ ...wrong, batches, events, eventIndexes: eventIndexes_ })).toBe(
      'BATCH_MISMATCH',
    );
    expect([await indexed(), await eventIndexes()]).toEqual(before);
  });
});
