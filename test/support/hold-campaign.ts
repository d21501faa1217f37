/** Many people place holds at random instants while lanes work in small batches. */
import { disposeSlice } from '../../app/dispose-slice.ts';
import { RetentionError } from '../../domain/errors.ts';
import type { DisposalGuard } from '../../stores/store.ts';
import { type CampaignPace, campaignPace } from './campaign-pace.ts';
import { begin, type EstateSize, estate, type Lane } from './estate.ts';
import { type Broken, brokenAtTheEnd, destroyedBefore } from './estate-checks.ts';
import type { Governed } from './governed.ts';
import { type Placed, type PlacingOptions, placeAll } from './hold-placing.ts';
import { seeded } from './seeded.ts';

export interface HoldCampaign extends EstateSize, PlacingOptions {
  readonly batchRecords: number;
  readonly lanesPerStep: number;
  /** Runs as superuser when everything is installed, before the run begins: for twins. */
  readonly sabotage?: (governed: Governed) => Promise<unknown>;
}

export interface HoldReport {
  readonly seed: number;
  readonly batches: number;
  readonly destroyed: number;
  readonly held: number;
  readonly holds: number;
  /** Placed before the last batch. */
  readonly holdsInTime: number;
  /** Records that receipts list as destroyed before, in all. */
  readonly listedAsDestroyed: number;
  readonly longestPlacingMs: number;
  /** Slices that had to begin again. */
  readonly retries: number;
  readonly broken: Broken;
}

export async function holdCampaign(options: HoldCampaign): Promise<HoldReport> {
  const governed = await estate(options);
  try {
    await options.sabotage?.(governed);
    const { lanes, run } = await begin(governed, options.lanesPerStep);
    const chance = seeded(options.seed);
    const batches = (options.tenancies + options.recordings) / options.batchRecords;
    const moments = Array.from({ length: options.holds }, () => chance.integer(batches * 0.85));
    const pace = campaignPace({ ...options, lanes, moments });
    const working = Promise.all(
      lanes.map((_, index) => workLane(governed, { run, lanes, index }, pace, options)),
    ).finally(() => pace.end());
    const [retries, placed] = await Promise.all([
      working,
      placeAll(governed, options, chance, pace),
    ]);
    return await report(governed, options, retries, placed);
  } finally {
    await governed.end();
  }
}

interface Position {
  readonly run: string;
  readonly lanes: readonly Lane[];
  readonly index: number;
}

/** Works one lane in small batches to its end; answers how often it had to begin again. */
async function workLane(
  governed: Governed,
  { run, lanes, index }: Position,
  pace: CampaignPace,
  { batchRecords }: HoldCampaign,
): Promise<number> {
  const { guard } = governed;
  const small: DisposalGuard = {
    ...guard,
    disposeBatch: async (id, fence, limit) => {
      await pace.begins();
      const batch = await guard.disposeBatch(id, fence, Math.min(limit, batchRecords));
      pace.picked(index, batch.counts.picked);
      return batch;
    },
  };
  const deps = {
    ...{
      guard: small,
      epochKeys: governed.retain.epochKeys,
      ledgerKeys: governed.retain.ledgerKeys,
    },
    ...{ worker: 'campaign', now: Date.now },
  };
  const { step = 0, lane = 0 } = lanes[index] ?? {};
  const whole = { sliceRecords: Number.MAX_SAFE_INTEGER, sliceMs: Number.MAX_SAFE_INTEGER };
  for (let retries = 0; ; retries += 1) {
    try {
      const hooks = { onBatch: () => undefined, cancelled: () => false };
      await disposeSlice(deps, { run, step, lane, ...whole }, hooks);
      return retries;
    } catch (error) {
      if (!(error instanceof RetentionError) || error.code !== 'STORE_BUSY') throw error;
    }
  }
}

async function report(
  { sql }: Governed,
  { seed }: HoldCampaign,
  retries: readonly number[],
  placed: readonly Placed[],
): Promise<HoldReport> {
  let wrongReceipts = 0;
  for (const { holdNo, tooLate } of placed) {
    const expected = await destroyedBefore(sql, holdNo);
    if (JSON.stringify(expected) !== JSON.stringify(tooLate)) wrongReceipts += 1;
  }
  const [row] = await sql<{ batches: number; destroyed: number; held: number; in_time: number }[]>`
    select (select count(*) from retain_guard.batch)::integer as batches,
           (select sum(destroyed) from retain_guard.lane)::integer as destroyed,
           (select sum(held) from retain_guard.lane)::integer as held,
           (select count(*) from retain_guard.hold
             where effective_at < (select max(executed_at) from retain_guard.batch))::integer as in_time`;
  const broken = await brokenAtTheEnd(sql);
  return {
    seed,
    ...{ batches: row?.batches ?? 0, destroyed: row?.destroyed ?? 0, held: row?.held ?? 0 },
    holds: placed.length,
    holdsInTime: row?.in_time ?? 0,
    listedAsDestroyed: placed.reduce((sum, { tooLate }) => sum + (tooLate?.length ?? 0), 0),
    longestPlacingMs: Math.round(Math.max(...placed.map(({ placingMs }) => placingMs))),
    retries: retries.reduce((sum, one) => sum + one, 0),
    broken: {
      ...broken,
      ...(wrongReceipts > 0 && { 'receipt lists other records': wrongReceipts }),
    },
  };
}
