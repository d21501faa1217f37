/** Many people place holds at random instants while lanes work in small batches. */
import { scheduleInForce } from '../../app/context.ts';
import { disposeSlice } from '../../app/dispose-slice.ts';
import { holdReceipt } from '../../app/hold-receipt.ts';
import { holdIn } from '../../app/holds.ts';
import { type StoreView, withViews } from '../../app/store-views.ts';
import { RetentionError } from '../../domain/errors.ts';
import { guardApp, type HoldRequest } from '../../stores/postgres/guard-app.ts';
import type { DisposalGuard } from '../../stores/store.ts';
import { type CampaignPace, campaignPace } from './campaign-pace.ts';
import { begin, type EstateSize, estate, type Lane } from './estate.ts';
import { type Broken, brokenAtTheEnd, destroyedBefore } from './estate-checks.ts';
import type { Governed } from './governed.ts';
import { type Chance, seeded } from './seeded.ts';

export interface HoldCampaign extends EstateSize {
  readonly holds: number;
  /** Connections that place holds side by side. */
  readonly holders: number;
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
    ...{ guard: small, epochKeys: governed.retain.epochKeys },
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

interface Placed {
  readonly holdNo: number;
  readonly placingMs: number;
  /** `class key` of each record that the receipt calls destroyed, sorted; null: it could not say. */
  readonly tooLate: readonly string[] | null;
}

async function placeAll(
  governed: Governed,
  options: HoldCampaign,
  chance: Chance,
  pace: CampaignPace,
): Promise<Placed[]> {
  const { schedule } = await scheduleInForce(governed.retain);
  const placed: Placed[] = [];
  const holder = (number: number): Promise<void> =>
    withViews(governed.retain, schedule, Object.values(schedule.stores), async ([view]) => {
      if (!view) throw new Error('the schedule has no store');
      await guardApp(view.connection).openMatter(`M-${number}`, 'Campaign', 'helena');
      for (let nth = number; nth < options.holds; nth += options.holders) {
        await pace.reached(nth);
        const scope = await aScope(governed, chance, pace, options);
        placed.push(await placeOne(governed, view, { matter: `M-${number}`, ...scope }, pace));
      }
    });
  await Promise.all(Array.from({ length: options.holders }, (_, number) => holder(number)));
  return placed;
}

type Scope = Pick<HoldRequest, 'keys' | 'subjects'>;

/** One to three keys, of roots near the work or anywhere, or of a part of one; now and then a person. */
async function aScope(
  governed: Governed,
  chance: Chance,
  pace: CampaignPace,
  options: HoldCampaign,
): Promise<Scope> {
  const keys: { recordClass: string; keyText: string }[] = [];
  const subjects: { kind: string; subject: string }[] = [];
  for (let count = 1 + chance.integer(3); count > 0; count -= 1) {
    const anywhere = { recordClass: 'tenancy', place: 1 + chance.integer(options.tenancies) };
    const { recordClass, place } = chance.integer(4) === 0 ? anywhere : pace.nearby(chance);
    const [root] = await governed.sql<{ key: string; subject: string; line: string | null }[]>`
      select key, subject, (select min(p.key) from evidence.part p where p.part = 'rent_line'
                               and p.root = r.key and r.record_class = 'tenancy') as line
        from evidence.root r where record_class = ${recordClass} and place = ${place}`;
    const kind = chance.integer(10);
    if (!root) continue;
    if (kind === 0) subjects.push({ kind: 'person', subject: root.subject });
    else if (root.line !== null && kind < 4)
      keys.push({ recordClass: 'rent_line', keyText: root.line });
    else keys.push({ recordClass, keyText: root.key });
  }
  return keys.length + subjects.length > 0
    ? { keys, subjects }
    : aScope(governed, chance, pace, options);
}

/** Places a hold, looks at once which of its records a reader can still see, and asks for its receipt. */
async function placeOne(
  governed: Governed,
  view: StoreView,
  request: Scope & { readonly matter: string },
  pace: CampaignPace,
): Promise<Placed> {
  const startedAt = performance.now();
  const { holdNo } = await guardApp(view.connection).placeHold({ ...A_HOLD, ...request });
  const placingMs = performance.now() - startedAt;
  pace.placed();
  await noteWhatIsThere(governed, holdNo);
  const { tooLate } = await holdReceipt(view, await holdIn(view.connection, holdNo));
  const names = tooLate?.map(({ recordClass, key }) => `${recordClass} ${key.join(' ')}`).sort();
  return { holdNo, placingMs, tooLate: names ?? null };
}

/** What a hold of the campaigns says besides what it covers. */
export const A_HOLD = {
  reason: 'litigation',
  because: 'Campaign',
  placedBy: 'helena',
  reviewOn: '2030-01-01',
} as const;

/** Writes down which records under the hold are there. Call it straight after placing. */
export async function noteWhatIsThere(
  { sql }: Pick<Governed, 'sql'>,
  holdNo: number,
): Promise<void> {
  await sql`
    insert into evidence.receipt
    select ${holdNo}, n.record_class, n.key from evidence.root_now n join (
      select k.record_class, k.key_text as key from retain_guard.hold_key k where k.hold_no = ${holdNo}
      union select 'tenancy', p.root from evidence.part p join retain_guard.hold_key k
        on k.record_class = p.part and k.key_text = p.key where k.hold_no = ${holdNo}
      union select r.record_class, r.key from evidence.root r join retain_guard.hold_subject s
        on s.subject_kind = 'person' and s.subject = r.subject where s.hold_no = ${holdNo}
    ) c using (record_class, key)`;
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
