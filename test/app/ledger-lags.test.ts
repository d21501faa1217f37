import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { disposeSlice, type SliceHooks } from '../../app/dispose-slice.ts';
import type { BatchCounts, SliceResult } from '../../domain/disposal.ts';
import type { Plan } from '../../domain/plan.ts';
import { mayRetry } from '../../domain/retry.ts';
import type { DisposalGuard } from '../../stores/store.ts';
import { closingTable, deleteAfter, scheduleText } from '../stores/small-schedule.ts';
import { idsOf, refusalOf } from '../stores/tampering.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';

let governed: Governed;
let plan: Plan;

beforeAll(async () => {
  governed = await governedDatabase({
    ledger: 'waits',
    setup: (sql) => sql.unsafe(`${closingTable('card')} ${closingTable('folder')}`),
    schedule: scheduleText({
      classes: { card: { table: 'public.card' }, folder: { table: 'public.folder' } },
      rules: {
        card_rule: deleteAfter('card', 'closed_on'),
        folder_rule: deleteAfter('folder', 'closed_on'),
      },
    }),
  });
});
afterAll(() => governed.end());

/** The cards are gone and in the ledger; one old batch of folders is not. */
beforeEach(async () => {
  await follow();
  await governed.sql.unsafe(`truncate card, folder;
    insert into card select n, '2001-01-01' from generate_series(1, 30) n;
    insert into card values (31, '2026-01-01');
    insert into folder values (1, '2001-01-01')`);
  const before = await governed.plan({ rules: ['folder_rule'] });
  await governed.carryOut(before);
  await governed.sql`
    update retain_guard.batch_sealed set sealed_at = sealed_at - interval '61 seconds'`;
  plan = await governed.plan({ rules: ['card_rule'] });
  await governed.approve(plan);
  await governed.open(plan);
});

const follow = () => governed.sql`
  update retain_guard.batch_sealed set first_index = 1 where first_index is null`;
const cards = () => idsOf(governed.sql, 'card');

interface Waited {
  readonly ended: SliceResult['outcome'] | string;
  /** How often it waited for a second. */
  readonly waits: number;
  readonly beats: number;
}

/** A slice in which every second passes at once; `meanwhile` is told how many have. */
async function slice(
  meanwhile: (seconds: number) => Promise<unknown>,
  options: {
    readonly hooks?: Partial<SliceHooks>;
    readonly sliceMs?: number;
    readonly guard?: (guard: DisposalGuard) => DisposalGuard;
  } = {},
): Promise<Waited> {
  let waits = 0;
  let beats = 0;
  const guard = options.guard?.(governed.guard) ?? governed.guard;
  const { epochKeys, ledgerKeys } = governed.retain;
  const deps = {
    ...{ guard, epochKeys, ledgerKeys, worker: 'slicer' },
    now: () => Date.now() + waits * 1_000,
    delay: async (ms: number) => {
      expect(ms).toBe(1_000);
      waits += 1;
      await meanwhile(waits);
    },
  };
  const hooks = {
    onBatch: (_: BatchCounts) => {
      beats += 1;
    },
    cancelled: () => false,
    ...options.hooks,
  };
  const input = { run: plan.document.run, step: 1, lane: 1, sliceRecords: 1e9 };
  let result: SliceResult | undefined;
  const refusal = await refusalOf(
    disposeSlice(deps, { ...input, sliceMs: options.sliceMs ?? 1e9 }, hooks).then((ended) => {
      result = ended;
    }),
  );
  return { ended: result?.outcome ?? refusal, waits, beats };
}

it('a slice waits for the ledger, beats meanwhile, and goes on when it has followed', async () => {
  const waited = await slice(async (seconds) => {
    expect(await cards()).toHaveLength(31);
    if (seconds === 5) await follow();
  });
  expect(waited).toMatchObject({ ended: 'finished', waits: 5 });
  expect(waited.beats).toBeGreaterThanOrEqual(7);
  expect(await cards()).toEqual([31]);
});

it('after half a minute it fails, so that it is seen, with nothing destroyed and another attempt to come', async () => {
  expect(await slice(async () => undefined)).toMatchObject({ ended: 'LEDGER_LAGS', waits: 30 });
  expect(mayRetry('LEDGER_LAGS')).toBe(true);
  expect(await cards()).toHaveLength(31);
  const staged = await governed.sql`select from retain_guard.batch_staged`;
  expect(staged).toHaveLength(0);
  await follow();
  expect(await slice(async () => undefined)).toMatchObject({ ended: 'finished', waits: 0 });
  expect(await cards()).toEqual([31]);
});

it('its patience begins anew when the ledger has followed in between', async () => {
  const again = () => governed.sql`
    update retain_guard.batch_sealed set first_index = null, sealed_at = sealed_at - interval '61 seconds'`;
  const waited = await slice(
    async (seconds) => {
      if (seconds === 20 || seconds === 40) await follow();
    },
    {
      guard: (guard) => ({
        ...guard,
        // Batches of ten, and after the first of them it lags again.
        disposeBatch: async (lane, fence) => {
          const batch = await guard.disposeBatch(lane, fence, 10);
          if (batch.outcome === 'worked' && (await cards()).length === 21) await again();
          return batch;
        },
      }),
    },
  );
  expect(waited).toMatchObject({ ended: 'finished', waits: 40 });
  expect(await cards()).toEqual([31]);
});

it('it ends when its run is cancelled or its time is over, and the lane goes on later', async () => {
  let cancelled = false;
  const hooks = { cancelled: () => cancelled };
  const stop = async (seconds: number) => {
    cancelled = seconds === 3;
  };
  expect(await slice(stop, { hooks })).toMatchObject({ ended: 'continue', waits: 3 });
  expect(await slice(async () => undefined, { sliceMs: 10_000 })).toMatchObject({
    ended: 'continue',
    waits: 10,
  });
  expect(await cards()).toHaveLength(31);
});
