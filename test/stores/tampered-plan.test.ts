import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Plan } from '../../domain/plan.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { closingTable, deleteAfter, partTable, scheduleText } from './small-schedule.ts';
import { asRole, idsOf, refusalOf, weaken } from './tampering.ts';

// Somebody with all rights changes what was approved, after it was approved and before it runs.
let governed: Governed;
let plan: Plan;

beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`${closingTable('folder', 'title text')} ${partTable('complaint', 'folder')}
        insert into folder values (1, '2001-01-01'), (2, '2001-01-01'), (3, '2026-01-01'), (4, '2001-01-01');
        insert into complaint values (1, 4)`),
    schedule: scheduleText({
      classes: {
        folder: {
          table: 'public.folder',
          references: { complaint_folder_id_fkey: 'blocking' },
        },
      },
      rules: { folder_rule: deleteAfter('folder', 'closed_on') },
    }),
  });
});
afterAll(() => governed.end());
beforeEach(async () => {
  plan = await governed.plan();
  await governed.approve(plan);
});

const run = () => plan.document.run;
const everyone = () => idsOf(governed.sql, 'folder');
const batch = async () => {
  const lane = { run: run(), step: 1, lane: 1 };
  const { fence } = await governed.guard.claimLane(lane);
  return refusalOf(governed.guard.disposeBatch(lane, fence, 10));
};

describe('the statement of a step', () => {
  it.each([
    ['one byte more', "statements || ' '"],
    ['one letter of another case', "replace(statements, 'select', 'selecT')"],
    [
      'another statement altogether',
      `'{"flow":"simple","steady":[],"values":[],"batch":"delete from folder"}'`,
    ],
    ['nothing', "''"],
  ])('%s: STATEMENT_NOT_APPROVED, and nothing is destroyed', async (_name, expression) => {
    await governed.open(plan);
    await governed.sql.unsafe(
      `update retain_guard.step set statements = ${expression} where run_id = '${run()}'`,
    );
    expect(await batch()).toBe('STATEMENT_NOT_APPROVED');
    expect(await everyone()).toEqual([1, 2, 3, 4]);
  });

  it('is refused at registration when the document does not name it', async () => {
    const document = JSON.stringify({
      ...plan.document,
      run: '00000000-0000-4000-8000-000000000001',
    });
    const register = (statements: string) =>
      asRole(governed.url, 'retain_app', (sql) =>
        refusalOf(
          sql`select retain_guard.register_plan(${document}, 'amira', ${[statements]}::text[], '[]')`,
        ),
      );
    expect(await register('{}')).toBe('STATEMENT_NOT_APPROVED');
    expect(
      await governed.sql`select from retain_guard.plan where run_id = '00000000-0000-4000-8000-000000000001'`,
    ).toHaveLength(0);
  });

  it('twin: a guard that does not compare runs what it finds', async () => {
    await governed.open(plan);
    await governed.sql`
      update retain_guard.step set statements = replace(statements, '"pick":"with', '"pick":"with extra as (delete from public.folder x where x.id = 3),')
       where run_id = ${run()}`;
    expect(await batch()).toBe('STATEMENT_NOT_APPROVED');
    const restore = await weaken(
      governed.sql,
      'approved_step',
      "is distinct from step_doc ->> 'statementsSha256'",
      'is null',
    );
    expect(await batch()).toBe('none');
    await restore();
    expect(await everyone()).toEqual([4]);
    await governed.sql`insert into folder values (1, '2001-01-01'), (2, '2001-01-01'), (3, '2026-01-01')`;
  });
});

describe('the document that was approved', () => {
  const change = () =>
    refusalOf(governed.sql`
      update retain_guard.plan set document = replace(document, '"Small Test"', '"Small Tesu"') where run_id = ${run()}`);

  it('cannot be changed by one byte while its digest stands', async () => {
    expect(await change()).toBe('23514');
  });

  it('cannot be given another digest once somebody approved it', async () => {
    const other = refusalOf(governed.sql`
      update retain_guard.plan
         set document = document || ' ', digest = 'sha256:' || encode(sha256(convert_to(document || ' ', 'UTF8')), 'hex')
       where run_id = ${run()}`);
    expect(await other).toBe('23503');
  });

  it('is compared again before every batch, should the constraint be gone', async () => {
    await governed.open(plan);
    await governed.sql`alter table retain_guard.plan drop constraint plan_check`;
    expect(await change()).toBe('none');
    expect(await batch()).toBe('STATEMENT_NOT_APPROVED');
    await governed.sql`update retain_guard.plan set document = replace(document, '"Small Tesu"', '"Small Test"')`;
    await governed.sql`
      alter table retain_guard.plan add constraint plan_check
        check (digest = 'sha256:' || encode(sha256(convert_to(document, 'UTF8')), 'hex'))`;
    expect(await everyone()).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ['the snapshot mark', 't0 = (t0::text::bigint + 100000)::text::xid8'],
    ['the hold version', 'hold_version = hold_version + 1000'],
  ])('decides, not the copy of %s beside it', async (_name, set) => {
    await governed.open(plan);
    await governed.sql`update folder set title = 'written since' where id in (1, 2)`;
    await governed.sql.unsafe(`update retain_guard.plan set ${set} where run_id = '${run()}'`);
    const outcome = await batch();
    expect(['none', 'STATEMENT_NOT_APPROVED']).toContain(outcome);
    expect(await everyone()).toEqual([1, 2, 3, 4]);
  });
});

describe('the planned keys', () => {
  const add = (key: string) => (sql: typeof governed.sql) =>
    refusalOf(sql`
      insert into retain_guard.planned (run_id, step_no, ord, key) values (${run()}, 1, 99, array[${key}])`);

  it('cannot be added to once the plan is registered', async () => {
    expect(await asRole(governed.url, 'retain_app', add('4'))).toBe('PLAN_STALE');
  });

  it('cannot be added to by a transaction that began before the plan was registered', async () => {
    const outcome = await asRole(governed.url, 'retain_app', (sql) =>
      refusalOf(
        sql.begin('isolation level repeatable read', async (tx) => {
          await tx`select count(*) from retain_guard.plan`;
          plan = await governed.plan();
          await governed.approve(plan);
          await governed.open(plan);
          await tx`insert into retain_guard.planned (run_id, step_no, ord, key) values (${run()}, 1, 99, array['4'])`;
        }),
      ),
    );
    await governed.sql`delete from complaint`;
    await governed.workLane(plan, 1, 1).catch(() => undefined);
    await governed.sql`insert into complaint values (1, 4)`;
    // Whether the key could be written or not: the record is not in the plan.
    expect(['none', 'PLAN_STALE']).toContain(outcome);
    expect(await everyone()).toEqual([3, 4]);
    await governed.sql`insert into folder values (1, '2001-01-01'), (2, '2001-01-01')`;
  });

  it('changed by a superuser before the run opens: PLAN_STALE', async () => {
    await governed.sql`delete from retain_guard.planned where run_id = ${run()} and ord = 1`;
    expect(await refusalOf(governed.open(plan))).toBe('PLAN_STALE');
    expect(await everyone()).toEqual([1, 2, 3, 4]);
  });
});
