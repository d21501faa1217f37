/** How long placing a hold takes while two lanes destroy. */
import { refill } from './data.ts';
import { type Figure, quantile } from './figures.ts';
import type { Governed } from './governed.ts';
import type { BenchServer } from './server.ts';

/** Places holds one after the other, each on one record, for as long as the run goes on. */
export async function measureHolds(
  server: BenchServer,
  governed: Governed,
  records: number,
): Promise<Figure[]> {
  await governed.forgetHolds();
  await refill(server.sql, records);
  const plan = await governed.lanesOnly.approvedPlan(2);
  const milliseconds: number[] = [];
  let running = true;
  const run = governed.lanesOnly.carryOut(plan.document.run).finally(() => {
    running = false;
  });
  // Keys that no run destroys: the figure is the wait, not what the hold finds.
  const place = async () => {
    for (let key = records + 1; running; key += 1) {
      const startedAt = performance.now();
      await governed.placeHold([String(key)]);
      milliseconds.push(performance.now() - startedAt);
    }
  };
  await Promise.all([run, place()]);
  await governed.forgetHolds();
  const range = [Math.min(...milliseconds), Math.max(...milliseconds)] as const;
  const count = milliseconds.length;
  return [
    {
      what: `placing a hold while two lanes run, p50 of ${count}`,
      value: quantile(milliseconds, 0.5),
      unit: 'ms',
      range,
    },
    {
      what: `placing a hold while two lanes run, p99 of ${count}`,
      value: quantile(milliseconds, 0.99),
      unit: 'ms',
      range,
    },
  ];
}
