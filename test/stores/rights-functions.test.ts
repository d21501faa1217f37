import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { closingTable, deleteAfter, scheduleText } from './small-schedule.ts';
import { asRole, refusalOf } from './tampering.ts';

const DENIED = '42501';
let governed: Governed;

beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) => sql.unsafe(closingTable('folder')),
    schedule: scheduleText({
      classes: { folder: { table: 'public.folder' } },
      rules: { folder_rule: deleteAfter('folder', 'closed_on') },
    }),
  });
});
afterAll(() => governed.end());

const tried = (role: string, statement: string) =>
  asRole(governed.url, role, (sql) => refusalOf(sql.unsafe(statement)));

describe('which functions a role may call', () => {
  const MAY: Readonly<Record<string, readonly string[]>> = {
    retain_worker: [
      'claim_lane',
      'destroy_epoch_on_date',
      'dispose_batch',
      'mark_integrated',
      'register_epoch',
      'require_epoch_over',
      'seal_batch',
    ],
    retain_auditor: ['find_ref', 'planned_sha256'],
    retain_app: [
      'adopt_schedule',
      'barrier_key',
      'close_run',
      'confirm_freeze',
      'control_run',
      'decide_plan',
      'destroy_epoch_by_hand',
      'find_ref',
      'note_writers',
      'open_matter',
      'open_run',
      'place_hold',
      'planned_sha256',
      'register_plan',
      'release_hold',
      'require_epoch_over',
      'resume_after',
      'revoke_signer',
      'schema_sha256',
    ],
    public: [],
  };
  it.each(Object.entries(MAY))('%s may call these and no others', async (role, allowed) => {
    const rows = await governed.sql<{ name: string }[]>`
      select p.proname::text as name from pg_proc p
       where p.pronamespace = 'retain_guard'::regnamespace and has_function_privilege(${role}, p.oid, 'execute')
       order by 1`;
    expect(rows.map(({ name }) => name)).toEqual(allowed);
  });

  it('every function of the guard pins its search path, and only the owner owns them', async () => {
    const rows = await governed.sql<{ name: string }[]>`
      select p.proname::text as name from pg_proc p
       where p.pronamespace = 'retain_guard'::regnamespace
         and (pg_get_userbyid(p.proowner) <> 'retain_guard_owner'
              or (p.proname <> 'barrier_key' and not exists (
                    select from unnest(p.proconfig) as c(setting) where c.setting = 'search_path=pg_catalog, pg_temp')))`;
    expect(rows).toEqual([]);
  });

  it('a worker that calls what is not its own is refused by the server', async () => {
    for (const call of [
      "register_plan('{}', 'x', '{}', '[]')",
      "decide_plan(gen_random_uuid(), 'x', 'approve', 'x')",
      "place_hold('m', 'litigation', 'x', 'x', '2030-01-01', '{}', '{}', '{}', '{}')",
      "release_hold(1, 'x', 'x')",
      "control_run(gen_random_uuid(), 'run', 'x', 'x')",
      "open_run(gen_random_uuid(), 'x')",
      "close_run(gen_random_uuid(), 'completed', '{}', 0)",
      "tell('plan', '{}', '{}')",
      'approved_step(gen_random_uuid(), 1)',
      "refuse('X', 'x')",
      "revoke_signer('worker-00000000')",
      "destroy_epoch('x', '', false)",
      "destroy_epoch_by_hand('x', '')",
    ]) {
      const statement = `select retain_guard.${call}`;
      expect([call, await tried('retain_worker', statement)]).toEqual([call, DENIED]);
    }
  });
});
