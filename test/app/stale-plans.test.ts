import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeHold } from '../../app/place-hold.ts';
import { installSchedule } from '../../app/schedules.ts';
import { scheduleSha256 } from '../../config/schedule-file.ts';
import type { Plan } from '../../domain/plan.ts';
import { closingTable, deleteAfter, partTable, scheduleText } from '../stores/small-schedule.ts';
import { idsOf, refusalOf, weaken } from '../stores/tampering.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';

// Customers own contracts. Only the second version knows contracts as a class of their own.
const CUSTOMER = { table: 'public.customer', references: { contract_customer_id_fkey: 'owned' } };
const FIRST = scheduleText({
  classes: { customer: CUSTOMER },
  rules: { customer_rule: deleteAfter('customer', 'closed_on') },
});
const WITH_CONTRACTS = scheduleText({
  classes: { customer: CUSTOMER, contract: { table: 'public.contract' } },
  rules: { customer_rule: deleteAfter('customer', 'closed_on') },
});
const SIXTY_YEARS = scheduleText({
  classes: { customer: CUSTOMER },
  rules: { customer_rule: deleteAfter('customer', 'closed_on', { keep: { at_least: 'P60Y' } }) },
});

let governed: Governed;
let plan: Plan;
beforeEach(async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`${closingTable('customer')} ${partTable('contract', 'customer')}
        insert into customer select n, '2001-01-01' from generate_series(1, 6) n;
        insert into contract select n * 10, n from generate_series(1, 6) n`),
    schedule: FIRST,
  });
  plan = await governed.plan();
  expect(plan.document.steps[0]?.counts.destroys).toBe(6);
  await governed.approve(plan);
});
afterEach(() => governed.end());

const install = (text: string) =>
  installSchedule(governed.retain, {
    ...{ text, fileName: 'next.yaml', actor: 'installer', allowShorter: [] },
  });
const customers = () => idsOf(governed.sql, 'customer');
const inForce = (version: number) =>
  governed.sql`update retain_guard.schedule_in_force set version = ${version}`;

describe('a hold under the second version, on a class that an open run of the first does not know', () => {
  const lane = () => ({ run: plan.document.run, step: 1, lane: 1 });
  let fence: bigint;
  beforeEach(async () => {
    await governed.open(plan);
    ({ fence } = await governed.guard.claimLane(lane()));
    const { counts, staged } = await governed.guard.disposeBatch(lane(), fence, 1);
    expect(counts.destroyed).toBe(1);
    expect(staged?.keys).toEqual([['1']]);
    await install(WITH_CONTRACTS);
    await placeHold(governed.retain, {
      ...{ matter: 'M-1', openMatterTitle: 'A matter', reason: 'litigation', because: 'a claim' },
      ...{ actor: 'amira', reviewOn: '2030-01-01', subjects: [] },
      keys: [{ recordClass: 'contract', key: ['30'] }],
    });
  });
  const batch = () => refusalOf(governed.guard.disposeBatch(lane(), fence, 10));

  it('stops the run before its next batch', async () => {
    expect(await batch()).toBe('PLAN_STALE');
    expect(await customers()).toEqual([2, 3, 4, 5, 6]);
    expect(await idsOf(governed.sql, 'contract')).toEqual([20, 30, 40, 50, 60]);
  });

  it('stops it though the store heard of no second version: the hold itself tells', async () => {
    await inForce(1);
    expect(await batch()).toBe('HOLD_SCOPE_LOST');
    expect(await customers()).toEqual([2, 3, 4, 5, 6]);
  });

  it('a new plan keeps the held record, and takes its neighbours', async () => {
    const next = await governed.plan();
    expect(next.document.steps[0]?.counts).toMatchObject({ due: 5, held: 1, destroys: 4 });
    await governed.carryOut(next);
    expect(await customers()).toEqual([3]);
    expect(await idsOf(governed.sql, 'contract')).toEqual([30]);
  });

  it('twin: a guard that does not compare plan and hold destroys the held record', async () => {
    await inForce(1);
    const restore = await weaken(
      governed.sql,
      'approved_step',
      'perform retain_guard.require_current_plan(plan_doc);',
      '',
    );
    expect(await batch()).toBe('none');
    await restore();
    expect(await customers()).toEqual([]);
    expect(await idsOf(governed.sql, 'contract')).toEqual([]);
  });
});

describe('a plan that keeps six years, and then a version that keeps sixty', () => {
  it('is not opened, and nothing is destroyed', async () => {
    await install(SIXTY_YEARS);
    expect(await refusalOf(governed.open(plan))).toBe('PLAN_STALE');
    expect(await customers()).toHaveLength(6);
    expect((await governed.plan()).document.steps[0]?.counts.due).toBe(0);
  });

  it('is not opened though the store was not told of the version', async () => {
    await governed.retain.control.addSchedule({
      ...{ sha256: 'ab'.repeat(32), document: SIXTY_YEARS, installedBy: 'installer' },
    });
    expect(await refusalOf(governed.open(plan))).toBe('PLAN_STALE');
    expect(await customers()).toHaveLength(6);
  });

  it('runs no batch once an install that was cut off is tried again', async () => {
    await governed.open(plan);
    await governed.retain.control.addSchedule({
      ...{ document: SIXTY_YEARS, installedBy: 'installer' },
      sha256: scheduleSha256(SIXTY_YEARS),
    });
    expect((await install(SIXTY_YEARS)).version).toBe(2);
    expect(await refusalOf(governed.workLane(plan, 1, 1))).toBe('PLAN_STALE');
    expect(await customers()).toHaveLength(6);
  });

  it('runs no batch when it was open already', async () => {
    await governed.open(plan);
    await install(SIXTY_YEARS);
    expect(await refusalOf(governed.workLane(plan, 1, 1))).toBe('PLAN_STALE');
    expect(await customers()).toHaveLength(6);
  });

  it('twin: a guard that does not compare the versions carries it out', async () => {
    await governed.open(plan);
    await install(SIXTY_YEARS);
    const restore = await weaken(
      governed.sql,
      'require_current_plan',
      'is distinct from (select f.version from retain_guard.schedule_in_force f)',
      'is null',
    );
    await governed.workLane(plan, 1, 1);
    await restore();
    expect(await customers()).toEqual([]);
  });
});
