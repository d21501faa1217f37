import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../domain/plan.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { closingTable, deleteAfter, scheduleText } from './small-schedule.ts';
import { asRole, refusalOf, weaken } from './tampering.ts';
import { newest, told } from './told.ts';

let governed: Governed;
let plan: Plan;

beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`${closingTable('folder')}
        insert into folder select n, '2001-01-01' from generate_series(1, 3) n`),
    schedule: scheduleText({
      classes: { folder: { table: 'public.folder' } },
      rules: { folder_rule: deleteAfter('folder', 'closed_on') },
    }),
  });
  plan = await governed.plan();
});
afterAll(() => governed.end());

/** Registers the plan anew with its one step so many times, and so many lanes of it. */
async function registered(steps: number, lanes: number) {
  const [row] = await governed.sql<{ statements: string; id: string }[]>`
    select statements, pg_current_xact_id()::text as id from retain_guard.step
     where run_id = ${plan.document.run} and step_no = 1`;
  const [step] = plan.document.steps;
  const document = JSON.stringify({
    ...{ ...plan.document, run: randomUUID(), t0: row?.id },
    steps: Array.from({ length: steps }, () => step),
  });
  const statements = Array.from({ length: steps }, () => row?.statements ?? '');
  const cut = Array.from({ length: lanes }, (_, at) => ({ step: 1, lane: at + 1 }));
  const before = await newest(governed.sql);
  const answer = await asRole(governed.url, 'retain_app', (sql) =>
    refusalOf(
      sql`select retain_guard.register_plan(${document}, 'amira', ${statements}::text[], ${sql.json(cut)})`,
    ),
  );
  return { answer, told: (await told(governed.sql, before)).length };
}

describe('a plan that the ledger could not hold', () => {
  it('is registered with two hundred steps and lanes', async () => {
    expect(await registered(200, 200)).toEqual({ answer: 'none', told: 1 });
  });

  it('is refused with five hundred steps: the plan itself would be too long', async () => {
    expect(await registered(500, 1)).toEqual({ answer: 'LEDGER_ENTRY_TOO_LARGE', told: 0 });
  });

  it('is refused with five hundred lanes: closing the run would be too long', async () => {
    expect(await registered(1, 500)).toEqual({ answer: 'LEDGER_ENTRY_TOO_LARGE', told: 0 });
  });

  it('twin: a guard that does not count the bytes registers both', async () => {
    const restore = await weaken(governed.sql, 'require_entry_fits', 'p_bytes > 60000', 'false');
    expect(await registered(500, 1)).toEqual({ answer: 'none', told: 1 });
    expect(await registered(1, 500)).toEqual({ answer: 'none', told: 1 });
    await restore();
  });
});

it('no lane takes more of the closing than the plan allowed for, however high its numbers', async () => {
  const [row] = await governed.sql<{ lane: number; record_class: number; rest: number }[]>`
    select octet_length(jsonb_build_object('step', 99999, 'lane', 99999, 'seq', 2147483647,
                                           'last', repeat('f', 64))::text || ', ') as lane,
           octet_length(jsonb_build_object('x', jsonb_build_object('batches', 2147483647,
                                           'records', 9007199254740991))::text || ', ') - 5 as record_class,
           octet_length(retain_guard.run_totals(${plan.document.run})::text) + 6 * 16 as rest`;
  expect(row?.lane).toBeLessThanOrEqual(128);
  expect(row?.record_class).toBeLessThanOrEqual(64);
  expect(row?.rest).toBeLessThanOrEqual(500);
});
