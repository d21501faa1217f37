import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Bystander, checkBystanders } from '../../examples/housing/bystander-check.ts';
import { plantBystanders } from '../../examples/housing/bystanders.ts';
import { createHousingTables, generateHousing } from '../../examples/housing/generator.ts';
import { independentCounts } from '../../examples/housing/independent-counts.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';

// The mission's four rules on the housing association, counted a second time by SQL that shares no
// line with ours.
let housing: Governed;
let planted: Bystander[];
const AS_OF = new Date('2026-11-21T23:10:00Z');

beforeAll(async () => {
  housing = await governedDatabase({
    setup: async (sql) => {
      await createHousingTables(sql);
      await generateHousing(sql, { records: 6_000, seed: 7, asOf: AS_OF });
      planted = await plantBystanders(sql, AS_OF);
    },
    schedule: await readFile(
      new URL('../../examples/housing/retention.yaml', import.meta.url),
      'utf8',
    ),
  });
});
afterAll(() => housing.end());

it('destroys exactly what the four rules make due, and every planted bystander fares as expected', async () => {
  const before = await independentCounts(housing.sql, AS_OF);
  const plan = await housing.plan({ asOf: AS_OF.toISOString() });
  const step = (rule: string) => plan.document.steps.find((one) => one.rule === rule)?.counts;
  expect(step('cctv_30_days')).toMatchObject({
    due: before.cctv_30_days.due,
    held: 0,
    blocked: 0,
    changed: 0,
  });
  expect(step('customer_6_years')).toMatchObject({
    due: before.customer_6_years.due,
    blocked: before.customer_6_years.blocked,
  });
  expect(step('special_requirements_6_years')).toMatchObject({
    due: before.special_requirements_6_years.due,
  });
  expect(step('tenancy_file_6_years')).toMatchObject({ due: before.tenancy_file_6_years.due });

  await housing.carryOut(plan);
  const closed = await housing.close(plan);
  expect(closed.outcome).toBe('completed');

  const wrong = (await checkBystanders(housing.sql, planted)).filter(
    ({ asExpected }) => !asExpected,
  );
  expect(
    wrong.map(({ bystander, found }) => ({
      class: bystander.class,
      why: bystander.why,
      expect: bystander.expect,
      found,
    })),
  ).toEqual([]);
  const after = await independentCounts(housing.sql, AS_OF);
  expect(after.cctv_30_days.due).toBe(0);
  expect(after.special_requirements_6_years.due).toBe(0);
  expect(after.tenancy_file_6_years.due).toBe(0);
  expect(after.customer_6_years.due).toBe(before.customer_6_years.blocked);
});
