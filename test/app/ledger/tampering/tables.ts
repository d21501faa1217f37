/** What the owner of the tables can do, tables made again, and the code of the guard. */
import {
  also,
  DECISION,
  EPOCH,
  EVENT,
  HEAD,
  HEADER,
  named,
  PLACE,
  rowOf,
  SCHEDULE,
  type Tampering,
} from './names.ts';

/** Statements of the guard's owner, who is no superuser and cannot turn triggers off. */
export const BY_THE_OWNER: readonly Tampering[] = [
  also(
    'fewer records',
    `update retain_guard.batch set destroyed = destroyed - 1 where batch_id = '{batch}'`,
    `${HEADER} destroyed`,
  ),
  also(
    'other references',
    `update retain_guard.batch_sealed set refs = sha256('x') where batch_id = '{batch}'`,
    'E_DB_ITEM batch_sealed {batch} refs',
  ),
  also(
    'no approval',
    `alter table retain_guard.run drop constraint run_run_id_fkey;
     delete from retain_guard.decision where run_id = '{run}'`,
    'E_DB_MISSING decision {run}',
    'E_DB_GUARD run',
  ),
  also(
    'no hold',
    `delete from retain_guard.hold_key where hold_no = 1; delete from retain_guard.hold_subject where hold_no = 1;
     delete from retain_guard.hold where hold_no = 1`,
    ...[
      'E_DB_MISSING hold 1',
      'E_DB_MISSING hold_key 1 parcel',
      'E_DB_MISSING hold_subject 1 addressee',
    ],
  ),
  also(
    'another word of the store',
    `update retain_guard.event set names = '{"requested_by": "benedict"}' where event_no = {event}`,
    `${EVENT} names`,
  ),
];

/** A table in the place of another, with its rows but for one change, its owner and its readers. */
function recreated(table: string, change: string, ...found: string[]): Tampering {
  const name = named(table);
  const mended = `alter table ${name} owner to retain_guard_owner;
    grant select on ${name} to retain_auditor, retain_app, retain_worker;`;
  return [
    `${table} made again`,
    `create table retain.copy as table ${name}; drop table ${name} cascade;
     update retain.copy set ${change} where ${rowOf(name)};
     alter table retain.copy rename to ${name.split('.')[1]};
     ${name.startsWith('retain.') ? '' : `alter table retain.${table} set schema retain_guard; ${mended}`}`,
    found,
  ];
}

export const MADE_AGAIN: readonly Tampering[] = [
  recreated(
    'batch',
    `destroyed = destroyed - 1`,
    `${HEADER} destroyed`,
    'E_DB_GUARD batch',
    'E_DB_GUARD batch_staged',
    'E_DB_GUARD batch_sealed',
    'E_DB_GUARD expected_header',
  ),
  recreated(
    'batch_sealed',
    `refs = sha256('x')`,
    'E_DB_ITEM batch_sealed {batch} refs',
    'E_DB_GUARD batch_sealed',
  ),
  recreated(
    'event',
    `body = body || '{"schedule_version": 2}'`,
    `${EVENT} body`,
    'E_DB_GUARD event',
  ),
  recreated(
    'decision',
    `decided_by = 'helena'`,
    `${DECISION} decided_by`,
    'E_DB_GUARD decision',
    'E_DB_GUARD run',
  ),
  recreated('key_epoch', `commitment = sha256('x')`, `${EPOCH} commitment`, 'E_DB_GUARD key_epoch'),
  recreated('schedule_version', `document = document || ' '`, `${SCHEDULE} document`),
  recreated('log_seq', `leaves = leaves - 1`, `${PLACE} leaves`),
  recreated('log_state', `root = sha256('x')`, `${HEAD} root`),
  also(
    'a table that nobody may read any more',
    `create table retain_guard.copy as table retain_guard.event; drop table retain_guard.event;
     alter table retain_guard.copy rename to event`,
    'E_DB_GUARD event',
  ),
  also('a table that is gone', 'drop table retain_guard.key_epoch', 'E_DB_GUARD key_epoch'),
  also(
    'a view in the place of a table',
    `alter table retain_guard.decision rename to hidden;
     create view retain_guard.decision as select * from retain_guard.hidden;
     alter view retain_guard.decision owner to retain_guard_owner;
     grant select on retain_guard.decision to retain_auditor, retain_app, retain_worker`,
    ...['E_DB_GUARD decision', 'E_DB_GUARD hidden'],
  ),
];

/** What the guard is made of. */
export const GUARD_CODE: readonly Tampering[] = [
  also(
    'a function that approves everything',
    `create or replace function retain_guard.require_current_plan(p_document jsonb) returns void
     language sql as 'select'`,
    'E_DB_GUARD require_current_plan',
  ),
  also(
    'a function that runs as whoever calls it',
    'alter function retain_guard.find_ref security invoker',
    'E_DB_GUARD find_ref',
  ),
  also(
    'a function with a search path',
    `alter function retain_guard.decide_plan set search_path = public`,
    'E_DB_GUARD decide_plan',
  ),
  also(
    'a function of somebody else',
    'create function retain_guard.more() returns void language sql as $$ select $$',
    'E_DB_GUARD more',
  ),
  also(
    'a function that is gone',
    'drop function retain_guard.resume_after',
    'E_DB_GUARD resume_after',
  ),
  also(
    'a trigger that is off',
    'alter table retain_guard.planned disable trigger planned_is_closed',
    'E_DB_GUARD planned',
  ),
  also(
    'a trigger that is gone',
    'drop trigger planned_is_closed on retain_guard.planned',
    'E_DB_GUARD planned',
  ),
  also(
    'foreign keys that are off',
    'alter table retain_guard.decision disable trigger all',
    'E_DB_GUARD decision',
  ),
  also(
    'a trigger of somebody else',
    `create trigger more before update on retain_guard.hold for each row execute function suppress_redundant_updates_trigger()`,
    'E_DB_GUARD hold',
  ),
  also(
    'a rule',
    `create rule quiet as on delete to retain_guard.batch do instead nothing`,
    'E_DB_GUARD batch',
  ),
  also(
    'row security',
    'alter table retain_guard.batch enable row level security',
    'E_DB_GUARD batch',
  ),
  also(
    'a table that a crash empties',
    'alter table retain_guard.key_epoch set unlogged',
    'E_DB_GUARD key_epoch',
  ),
  also(
    'no four eyes',
    'alter table retain_guard.decision drop constraint four_eyes',
    'E_DB_GUARD decision',
  ),
  also('another owner', 'alter table retain_guard.hold owner to postgres', 'E_DB_GUARD hold'),
  also('a right too many', 'grant update on retain_guard.hold to retain_worker', 'E_DB_GUARD hold'),
  also(
    'every key of every hold for the auditor',
    'grant select on retain_guard.hold_key to retain_auditor',
    'E_DB_GUARD hold_key',
  ),
];
