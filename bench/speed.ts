/** Records destroyed per second: one hand-written statement, the lanes alone, and whole runs in Temporal. */
import type { Sql } from 'postgres';
import { HELD_KEYS, heldKeys, refill } from './data.ts';
import { type Figure, median, target } from './figures.ts';
import type { Governed, Way } from './governed.ts';
import type { BenchServer } from './server.ts';

export interface SpeedOptions {
  readonly records: number;
  readonly of: number;
  readonly runs: number;
  readonly onProgress: (line: string) => void;
}

interface Variant {
  readonly what: string;
  readonly lanes: number;
  readonly held: number;
  readonly way: Way;
  readonly atLeast?: number;
}

/**
 * Every round measures every variant once, on the same rows put back, with a checkpoint before each.
 * A ratio is that of the medians.
 */
export async function measureSpeed(
  server: BenchServer,
  governed: Governed,
  endToEnd: Way,
  options: SpeedOptions,
): Promise<Figure[]> {
  const variants = variantsOf(governed, endToEnd);
  const rates = new Map<string, number[]>([
    ['raw', []],
    ...variants.map(({ what }): [string, number[]] => [what, []]),
  ]);
  for (let round = 0; round <= options.runs; round += 1) {
    // The first round warms caches and reaches the table's steady size; it is not counted.
    const keep = (what: string, rate: number) => {
      options.onProgress(
        `${round === 0 ? 'warm-up' : `round ${round}/${options.runs}`}: ${what} ${Math.round(rate)}/s`,
      );
      if (round > 0) rates.get(what)?.push(rate);
    };
    keep('raw', await timeRaw(server.sql, governed, options.records));
    for (const variant of variants)
      keep(variant.what, await timeVariant(server.sql, governed, variant, options));
  }
  await governed.forgetHolds();
  const raw = median(rates.get('raw') ?? []);
  return [
    figure('one statement, DELETE into audit', rates.get('raw') ?? [], raw),
    ...variants.map(({ what, atLeast }) => figure(what, rates.get(what) ?? [], raw, atLeast)),
  ];
}

function variantsOf(governed: Governed, endToEnd: Way): Variant[] {
  return [governed.lanesOnly, endToEnd].flatMap((way) =>
    [0, HELD_KEYS].flatMap((held) =>
      [1, 2].map(
        (lanes): Variant => ({
          what: `${way.name}, ${lanes === 1 ? 'one lane' : 'two lanes'}, ${held.toLocaleString('en-GB')} held`,
          lanes,
          held,
          way,
          ...(way === endToEnd && { atLeast: lanes === 1 ? 0.8 : 1.1 }),
        }),
      ),
    ),
  );
}

function figure(what: string, rates: readonly number[], raw: number, atLeast?: number): Figure {
  const value = median(rates);
  const ratio = value / raw;
  return {
    what,
    value,
    unit: 'records/s',
    ratio,
    range: [Math.min(...rates), Math.max(...rates)],
    ...(atLeast !== undefined && { target: target(ratio, '>=', atLeast) }),
  };
}

async function timeRaw(sql: Sql, governed: Governed, records: number): Promise<number> {
  // What is held nobody could delete.
  await governed.forgetHolds();
  await refill(sql, records);
  const startedAt = performance.now();
  const deleted = await sql`
    with gone as (
      delete from public.record where closed_at < '2014-01-01' returning id
    )
    insert into bench.audit (record_id, record_class, rule, run_id, destroyed_at)
    select id, 'record', 'record_6_years', '00000000-0000-4000-8000-000000000000', clock_timestamp() from gone`;
  return perSecond(deleted.count, startedAt);
}

async function timeVariant(
  sql: Sql,
  governed: Governed,
  variant: Variant,
  { records, of }: SpeedOptions,
): Promise<number> {
  await governed.forgetHolds();
  await refill(sql, records);
  if (variant.held > 0) await governed.placeHold(heldKeys(of, variant.held));
  await sql.unsafe('vacuum (analyze) retain_guard.hold_key');
  await sql.unsafe('checkpoint');
  const plan = await variant.way.approvedPlan(variant.lanes);
  const planned = plan.document.steps[0]?.counts.destroys ?? 0;
  const startedAt = performance.now();
  await variant.way.carryOut(plan.document.run);
  return perSecond(planned, startedAt);
}

function perSecond(records: number, startedAt: number): number {
  return (records * 1_000) / (performance.now() - startedAt);
}
