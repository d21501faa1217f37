/** Planned keys as a comparison sees them: those that the plan names, until its run is over. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { changedPlanned, strayPlanned } from '../../stores/postgres/audit-state.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { closingTable, deleteAfter, partTable, scheduleText } from './small-schedule.ts';
import { asRole } from './tampering.ts';

let governed: Governed;
beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`${closingTable('folder')} ${partTable('complaint', 'folder')} ${closingTable('card')}
        insert into folder select n, '2001-01-01' from generate_series(1, 9) n;
        insert into card select n, '2001-01-01' from generate_series(1, 9) n`),
    schedule: scheduleText({
      classes: {
        folder: { table: 'public.folder', references: { complaint_folder_id_fkey: 'blocking' } },
        card: { table: 'public.card' },
      },
      rules: {
        card_rule: deleteAfter('card', 'closed_on'),
        folder_rule: deleteAfter('folder', 'closed_on'),
      },
    }),
  });
});
afterAll(() => governed.end());

/** What the auditor's role finds, who may read no key. */
const found = async () =>
  asRole(governed.url, 'retain_auditor', async (sql) => ({
    changed: await changedPlanned(sql, 'records'),
    stray: await strayPlanned(sql, 'records'),
  }));
const HONEST = { changed: [], stray: [] };

it('a plan is as it was registered before, while and after it is carried out', async () => {
  const plan = await governed.plan();
  const planned = await governed.sql`select from retain_guard.planned`;
  expect(planned).toHaveLength(9);
  expect(await found()).toEqual(HONEST);
  await governed.approve(plan);
  await governed.open(plan);
  expect(await found()).toEqual(HONEST);
  for (const { step } of plan.document.steps.map((_, i) => ({ step: i + 1 }))) {
    await governed.workLane(plan, step, 1);
    expect(await found()).toEqual(HONEST);
  }
  await governed.close(plan);
  expect(await governed.sql`select from retain_guard.planned`).toHaveLength(0);
  expect(await found()).toEqual(HONEST);
});

it('a key more, a key less and another key are found in a run that is open, and before it begins', async () => {
  const { sql } = governed;
  await sql`insert into folder select n, '2001-01-01' from generate_series(11, 19) n`;
  const plan = await governed.plan();
  const { run } = plan.document;
  const step = 1 + plan.document.steps.findIndex((one) => one.plannedKeysSha256 !== null);
  const edits = [
    `insert into retain_guard.planned values ('${run}', ${step}, 99, '{5}')`,
    `delete from retain_guard.planned where run_id = '${run}' and ord = 2`,
    `update retain_guard.planned set key = '{5}' where run_id = '${run}' and ord = 2`,
  ];
  const expectEach = async (): Promise<void> => {
    const one = await sql.reserve();
    for (const edit of edits) {
      await one.unsafe(`begin; set local session_replication_role = replica; ${edit}`);
      expect(await changedPlanned(one, 'records')).toEqual([`${run}/${step}`]);
      await one.unsafe('rollback');
    }
    one.release();
  };
  await expectEach();
  await governed.approve(plan);
  await governed.open(plan);
  await expectEach();
  expect(await found()).toEqual(HONEST);
});
