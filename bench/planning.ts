/** What a plan costs for each record that is due, whatever the table holds besides. */
import { createTable } from './data.ts';
import { type Figure, median, target } from './figures.ts';
import type { Governed } from './governed.ts';
import type { BenchServer } from './server.ts';

const SMALL = 500_000;
const LARGE = 5_000_000;
const RATIO_AT_MOST = 1.5;

/** Plans 1 % due of a small table and of one ten times as large, in turn. */
export async function measurePlanning(
  server: BenchServer,
  governed: Governed,
  runs: number,
): Promise<Figure[]> {
  const { sql } = server;
  await sql.unsafe('drop table public.record, public.small_record');
  await createTable(sql, 'small_record', SMALL / 100, SMALL);
  await createTable(sql, 'record', LARGE / 100, LARGE);
  await governed.regrant();
  const microseconds = { small_record: [] as number[], record: [] as number[] };
  for (let round = 0; round <= runs; round += 1) {
    for (const table of ['small_record', 'record'] as const) {
      const startedAt = performance.now();
      const plan = await governed.plan(`${table}_6_years`);
      const perRecord =
        ((performance.now() - startedAt) * 1_000) / (plan.document.steps[0]?.counts.due ?? 0);
      if (round > 0) microseconds[table].push(perRecord);
    }
  }
  const small = median(microseconds.small_record);
  const large = median(microseconds.record);
  const size = (of: number) =>
    `${(of / 100).toLocaleString('en-GB')} due of ${of.toLocaleString('en-GB')}`;
  return [
    {
      what: `planning, ${size(SMALL)}`,
      value: small,
      unit: 'us/record',
      range: extent(microseconds.small_record),
    },
    {
      what: `planning, ${size(LARGE)}`,
      value: large,
      unit: 'us/record',
      range: extent(microseconds.record),
    },
    {
      what: 'large against small',
      value: large / small,
      unit: 'times',
      target: target(large / small, '<=', RATIO_AT_MOST),
    },
  ];
}

function extent(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}
