import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Plan } from '../../domain/plan.ts';
import { connectStore } from '../../stores/postgres/connection.ts';
import { type GuardApp, guardApp } from '../../stores/postgres/guard-app.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { closingTable, deleteAfter, scheduleText } from './small-schedule.ts';
import { asRole, idsOf, refusalOf, weaken } from './tampering.ts';

let governed: Governed;
let app: GuardApp;
let closeApp: () => Promise<void>;
let plan: Plan;

beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`${closingTable('folder')}
        insert into folder values (1, '2001-01-01'), (2, '2001-01-01'), (3, '2026-01-01')`),
    schedule: scheduleText({
      classes: { folder: { table: 'public.folder' } },
      rules: { folder_rule: deleteAfter('folder', 'closed_on') },
    }),
  });
  const connection = await connectStore(governed.store, governed.url, 'retain_app');
  app = guardApp(connection);
  closeApp = () => connection.end();
});
afterAll(async () => {
  expect(await idsOf(governed.sql, 'folder')).toEqual([1, 2, 3]);
  await closeApp();
  await governed.end();
});
beforeEach(async () => {
  plan = await governed.plan({ actor: 'Émile Åsa' });
});

const run = () => plan.document.run;
const decide = (by: string, verdict: 'approve' | 'reject' = 'approve', digest = plan.digest) =>
  refusalOf(app.decide(run(), digest, verdict, by));
const batch = async () => {
  const lane = { run: run(), step: 1, lane: 1 };
  const { fence } = await governed.guard.claimLane(lane);
  return refusalOf(governed.guard.disposeBatch(lane, fence, 10));
};
const directly = (by: string, digest = plan.digest, requester = 'Émile Åsa') =>
  refusalOf(governed.sql`
    insert into retain_guard.decision (run_id, digest, requested_by, decision, decided_by)
    values (${run()}, ${digest}, ${requester}, 'approve', ${by})`);

describe('who asked for a destruction never approves it', () => {
  it.each(['Émile Åsa', 'émile åsa', 'ÉMILE ÅSA', 'E\u0301mile A\u030asa'])(
    'as %s',
    async (name) => {
      expect(await decide(name)).toBe('APPROVAL_SAME_PERSON');
      expect(await refusalOf(governed.open(plan))).toBe('APPROVAL_MISSING');
      expect(await batch()).toBe('RUN_NOT_OPEN');
    },
  );

  it('even a superuser who writes the row is stopped by the constraint', async () => {
    expect(await directly('Émile Åsa')).toBe('23514');
    expect(await directly('ÉMILE ÅSA')).toBe('23514');
    expect(await directly('somebody', plan.digest, 'somebody else')).toBe('23503');
    expect(await directly('somebody', `sha256:${'0'.repeat(64)}`)).toBe('23503');
    expect(await directly(' ')).toBe('23514');
  });

  it('twin: without the comparison the constraint still refuses, without both it passes', async () => {
    const restore = await weaken(
      governed.sql,
      'decide_plan',
      'and lower(normalize(p_decided_by, nfkc)) =',
      'and false and lower(normalize(p_decided_by, nfkc)) =',
    );
    expect(await decide('émile åsa')).toBe('STORE_REJECTED');
    await governed.sql`alter table retain_guard.decision drop constraint four_eyes`;
    expect(await decide('émile åsa')).toBe('none');
    await restore();
    await governed.sql`delete from retain_guard.decision`;
    await governed.sql`
      alter table retain_guard.decision add constraint four_eyes
        check (decision = 'reject' or lower(normalize(decided_by, nfkc)) <> lower(normalize(requested_by, nfkc)))`;
  });
});

describe('one decision, on this very plan, in time', () => {
  it('is not taken twice, nor turned round', async () => {
    expect(await decide('benedict')).toBe('none');
    expect(await decide('chloe')).toBe('APPROVAL_TWICE');
    expect(await decide('benedict', 'reject')).toBe('APPROVAL_TWICE');
  });

  it('names the digest of the plan', async () => {
    expect(await decide('benedict', 'approve', `sha256:${'0'.repeat(64)}`)).toBe('APPROVAL_DIGEST');
    expect(await decide('benedict', 'approve', plan.digest.toUpperCase())).toBe('APPROVAL_DIGEST');
    const other = await governed.plan();
    expect(await decide('benedict', 'approve', other.digest)).toBe('APPROVAL_DIGEST');
  });

  it('rejected is final: it neither opens nor runs', async () => {
    expect(await decide('benedict', 'reject')).toBe('none');
    expect(await refusalOf(governed.open(plan))).toBe('PLAN_REJECTED');
    expect(await batch()).toBe('RUN_NOT_OPEN');
  });

  it('a requester may reject, which destroys nothing', async () => {
    expect(await decide('Émile Åsa', 'reject')).toBe('none');
  });

  it('is refused for a plan that nobody made', async () => {
    const nobody = app.decide('00000000-0000-4000-8000-000000000000', plan.digest, 'approve', 'b');
    expect(await refusalOf(nobody)).toBe('PLAN_UNKNOWN');
  });
});

describe('an expired plan', () => {
  const expire = () =>
    governed.sql`update retain_guard.plan set expires_at = clock_timestamp() - interval '1 second' where run_id = ${run()}`;

  it('is not approved', async () => {
    await expire();
    expect(await decide('benedict')).toBe('PLAN_EXPIRED');
  });

  it('does not open, and a run that was open destroys no more', async () => {
    expect(await decide('benedict')).toBe('none');
    await expire();
    expect(await refusalOf(governed.open(plan))).toBe('PLAN_EXPIRED');
    await governed.sql`update retain_guard.plan set expires_at = clock_timestamp() + interval '1 day' where run_id = ${run()}`;
    await governed.open(plan);
    await expire();
    expect(await batch()).toBe('PLAN_EXPIRED');
  });
});

describe('above READ COMMITTED the guard would see the holds of the past', () => {
  const disposed = (level: string) =>
    asRole(governed.url, 'retain_worker', (sql) =>
      refusalOf(
        sql.begin(`isolation level ${level}`, async (tx) => {
          const [lane] = await tx<
            { fence: string }[]
          >`select fence from retain_guard.claim_lane(${run()}, 1, 1)`;
          await tx`select outcome from retain_guard.dispose_batch(${run()}, 1, 1, ${lane?.fence ?? '0'}, 10)`;
          throw new Error('roll back');
        }),
      ),
    );

  it.each(['repeatable read', 'serializable'])('%s is refused', async (level) => {
    expect(await decide('benedict')).toBe('none');
    await governed.open(plan);
    expect(await disposed(level)).toBe('ISOLATION_LEVEL');
    expect(await disposed('read committed')).toBe('Error: roll back');
  });

  it('a hold is not placed there either', async () => {
    const placed = asRole(governed.url, 'retain_app', (sql) =>
      refusalOf(
        sql.begin(
          'isolation level repeatable read',
          (tx) => tx`
            select retain_guard.place_hold('m', 'litigation', 'x', 'x', '2030-01-01', array['folder'], array['1'], '{}', '{}')`,
        ),
      ),
    );
    expect(await placed).toBe('ISOLATION_LEVEL');
  });
});
