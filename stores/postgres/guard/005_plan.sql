-- Registering plans, deciding on them, opening, steering and closing runs. For retain_app.
set local role retain_guard_owner;

-- Tells the store which schedule version is in force; never an older one. Whoever plans, opens a run or
-- places a hold says it first, so that a hold and the batches that must see it agree on the classes.
create or replace function retain_guard.adopt_schedule(p_version integer)
returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into retain_guard.schedule_in_force as f (version) values (p_version)
  on conflict (only_row) do update set version = excluded.version, adopted_at = clock_timestamp()
   where f.version < excluded.version
$$;

-- Stores a plan with the exact statements of its steps and the lanes that will work them. Everything
-- that later decides is read out of `p_document`, whose SHA-256 people approve; a statement whose own
-- SHA-256 the document does not name is refused here and again before every batch.
create or replace function retain_guard.register_plan(
  p_document text, p_requested_by text, p_statements text[], p_lanes jsonb
) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  doc    jsonb := p_document::jsonb;
  the_run uuid := (p_document::jsonb ->> 'run')::uuid;
  answer text;
begin
  if doc ->> 'format' is distinct from 'retain-plan/1' then
    perform retain_guard.refuse('PLAN_UNKNOWN', 'The document is not a plan of a known format.');
  end if;
  if (doc ->> 'asOf')::timestamptz > clock_timestamp() then
    perform retain_guard.refuse('AS_OF_IN_FUTURE', 'A plan may not judge by an instant that has not come.');
  end if;
  if doc ->> 'requestedBy' is distinct from p_requested_by then
    perform retain_guard.refuse('PLAN_STALE', 'The plan names another requester.');
  end if;
  if jsonb_array_length(doc -> 'steps') <> coalesce(array_length(p_statements, 1), 0) then
    perform retain_guard.refuse('STATEMENT_NOT_APPROVED', 'The plan and its statements do not agree in number.');
  end if;

  perform retain_guard.require_current_plan(doc);

  -- Keys of plans that nobody may run any more must not linger; an open run still counts by them.
  delete from retain_guard.planned k using retain_guard.plan p
   where p.run_id = k.run_id and p.expires_at <= clock_timestamp()
     and not exists (select from retain_guard.run r where r.run_id = p.run_id and r.closed_at is null);

  insert into retain_guard.plan (run_id, document, digest, requested_by, expires_at, t0, hold_version)
  values (the_run, p_document, 'sha256:' || encode(sha256(convert_to(p_document, 'UTF8')), 'hex'), p_requested_by,
          (doc ->> 'expiresAt')::timestamptz, (doc ->> 't0')::xid8, (doc ->> 'holdVersion')::bigint)
  returning digest into answer;

  insert into retain_guard.step (run_id, step_no, statements)
  select the_run, s.no::integer, s.statements from unnest(p_statements) with ordinality as s(statements, no);

  if exists (select from retain_guard.step s
              where s.run_id = the_run
                and encode(sha256(convert_to(s.statements, 'UTF8')), 'hex')
                    is distinct from doc #>> array['steps', (s.step_no - 1)::text, 'statementsSha256']) then
    perform retain_guard.refuse('STATEMENT_NOT_APPROVED', 'A statement is not the one the plan names.');
  end if;

  insert into retain_guard.lane (run_id, step_no, lane_no, cursor_at, upper_bound)
  select the_run, l.step, l.lane, l.lower, l.upper
    from jsonb_to_recordset(p_lanes) as l(step integer, lane integer, lower text[], upper text[]);
  perform retain_guard.require_entry_fits('run.close', retain_guard.closing_bytes(the_run, doc));
  perform retain_guard.tell('plan',
    jsonb_build_object(
      'run', the_run, 'sha256', substr(answer, 8),
      'schedule_version', (doc #>> '{schedule,version}')::integer, 'schedule_sha256', doc #>> '{schedule,sha256}',
      'as_of', retain_guard.instant_text((doc ->> 'asOf')::timestamptz),
      'expires_at', retain_guard.instant_text((doc ->> 'expiresAt')::timestamptz),
      'hold_version', (doc ->> 'holdVersion')::bigint::text,
      'steps', (
        select coalesce(jsonb_agg(jsonb_build_object(
                 'step', s.no, 'class', s.step ->> 'recordClass', 'rule', s.step ->> 'rule',
                 'action', s.step ->> 'action', 'table', s.step #>> '{tables,0}',
                 'destroys', (s.step #>> '{counts,destroys}')::bigint) order by s.no), '[]')
          from jsonb_array_elements(doc -> 'steps') with ordinality as s(step, no))),
    jsonb_build_object('requested_by', p_requested_by));
  return answer;
end
$$;

-- Records the one decision on a plan. A second one, one by the requester, or one for another digest
-- than the plan's violates a constraint of retain_guard.decision and is reported by its code.
create or replace function retain_guard.decide_plan(p_run uuid, p_digest text, p_decision text, p_decided_by text)
returns timestamptz
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  the_plan retain_guard.plan;
  answer timestamptz;
begin
  select * into the_plan from retain_guard.plan where run_id = p_run;
  if not found then
    perform retain_guard.refuse('PLAN_UNKNOWN', 'There is no such plan in this store.');
  end if;
  if the_plan.digest is distinct from p_digest then
    perform retain_guard.refuse('APPROVAL_DIGEST', 'The decision names another digest than the plan has.');
  end if;
  if p_decision = 'approve' and the_plan.expires_at <= clock_timestamp() then
    perform retain_guard.refuse('PLAN_EXPIRED', 'The plan has expired. Make a new one.');
  end if;
  if p_decision = 'approve'
     and lower(normalize(p_decided_by, nfkc)) = lower(normalize(the_plan.requested_by, nfkc)) then
    perform retain_guard.refuse('APPROVAL_SAME_PERSON', 'Who requested a plan cannot approve it.');
  end if;
  insert into retain_guard.decision (run_id, digest, requested_by, decision, decided_by)
  values (p_run, p_digest, the_plan.requested_by, p_decision, p_decided_by)
  on conflict (run_id) do nothing
  returning decided_at into answer;
  if answer is null then
    perform retain_guard.refuse('APPROVAL_TWICE', 'This plan has been decided on already.');
  end if;
  perform retain_guard.tell('approval',
    jsonb_build_object('run', p_run, 'sha256', substr(p_digest, 8), 'decision', p_decision),
    jsonb_build_object('requested_by', the_plan.requested_by, 'decided_by', p_decided_by));
  return answer;
end
$$;

-- Starts an approved plan, once: afterwards batches may run. Asking again while it is open is the same
-- answer. Refused when the plan has expired or the planned keys are not those of the approved document.
create or replace function retain_guard.open_run(p_run uuid, p_opened_by text)
returns timestamptz
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  the_plan retain_guard.plan;
  verdict text;
  answer  timestamptz;
  strays  integer;
begin
  select * into the_plan from retain_guard.plan where run_id = p_run;
  if not found then
    perform retain_guard.refuse('PLAN_UNKNOWN', 'There is no such plan in this store.');
  end if;
  perform retain_guard.require_current_plan(the_plan.document::jsonb);
  select opened_at into answer from retain_guard.run where run_id = p_run and closed_at is null;
  if found then
    return answer;
  end if;
  select decision into verdict from retain_guard.decision where run_id = p_run;
  if verdict is null then
    perform retain_guard.refuse('APPROVAL_MISSING', 'Nobody has approved this plan.');
  elsif verdict <> 'approve' then
    perform retain_guard.refuse('PLAN_REJECTED', 'This plan was rejected.');
  end if;
  if the_plan.expires_at <= clock_timestamp() then
    perform retain_guard.refuse('PLAN_EXPIRED', 'The plan has expired. Make a new one.');
  end if;
  select count(*) into strays
    from jsonb_array_elements(the_plan.document::jsonb -> 'steps') with ordinality as s(step, no)
   where s.step ->> 'plannedKeysSha256' is distinct from retain_guard.planned_sha256(p_run, s.no::integer);
  if strays > 0 then
    perform retain_guard.refuse('PLAN_STALE', 'The planned keys are not those that were approved.');
  end if;
  insert into retain_guard.run (run_id, opened_by, control_by) values (p_run, p_opened_by, p_opened_by)
  on conflict (run_id) do nothing
  returning opened_at into answer;
  if answer is null then
    perform retain_guard.refuse('RUN_NOT_OPEN', 'This run is closed. Make a new plan.');
  end if;
  perform retain_guard.tell('run.open',
    jsonb_build_object('run', p_run, 'sha256', substr(the_plan.digest, 8)),
    jsonb_build_object('opened_by', p_opened_by));
  return answer;
end
$$;

-- SHA-256 over the planned keys of a step in their order; null when the step has none. Auditors compare it with
-- the plan and see no key.
create or replace function retain_guard.planned_sha256(p_run uuid, p_step integer)
returns text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select encode(sha256(convert_to(string_agg(array_to_json(key)::text, e'\n' order by ord), 'UTF8')), 'hex')
    from retain_guard.planned where run_id = p_run and step_no = p_step
$$;

-- Pauses, resumes or stops a run. Works with everything else down: every batch reads the row first.
-- A stop is final.
create or replace function retain_guard.control_run(p_run uuid, p_control text, p_by text, p_reason text)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update retain_guard.run
     set control = p_control, control_by = p_by, control_reason = p_reason, control_at = clock_timestamp()
   where run_id = p_run and closed_at is null and control not in ('stop', p_control);
  -- Asking for what is so already is the same answer: the first one may have been lost.
  if not found and not exists (select from retain_guard.run r
                                where r.run_id = p_run and r.closed_at is null and r.control = p_control) then
    perform retain_guard.refuse('RUN_NOT_OPEN', 'There is no such run that is open and not stopped.');
  end if;
end
$$;

-- Closes a run with its report and forgets its planned keys. Asking again is the same answer. Refused while
-- a batch is unsealed, and when the lanes destroyed more than the `p_destroyed` that the report was computed
-- from (`RUN_STILL_MOVING`: count again).
create or replace function retain_guard.close_run(p_run uuid, p_outcome text, p_report jsonb, p_destroyed bigint)
returns timestamptz
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  answer timestamptz;
  destroyed bigint;
  totals jsonb;
begin
  perform retain_guard.require_read_committed();
  -- Batches hold this row shared: the ones in flight end first, and what they did is seen below.
  select r.closed_at into answer from retain_guard.run r where r.run_id = p_run for update;
  if not found then
    perform retain_guard.refuse('RUN_NOT_OPEN', 'There is no such run.');
  end if;
  if answer is not null then
    return answer;
  end if;
  if exists (select from retain_guard.batch_staged where run_id = p_run) then
    perform retain_guard.refuse('UNSEALED_BACKLOG', 'Batches of this run are not sealed yet.');
  end if;
  select coalesce(sum(l.destroyed), 0) into destroyed from retain_guard.lane l where l.run_id = p_run;
  if destroyed is distinct from p_destroyed then
    perform retain_guard.refuse('RUN_STILL_MOVING', 'A batch was committed while the run was being counted. Count again.');
  end if;
  totals := retain_guard.run_totals(p_run);
  if (totals ->> 'records')::bigint <> destroyed
     or exists (select from jsonb_array_elements(totals -> 'lanes') as l(lane) where l.lane ->> 'last' is null) then
    perform retain_guard.refuse('BATCH_MISMATCH', 'The lanes and the batches of this run do not agree.');
  end if;
  update retain_guard.run set closed_at = clock_timestamp(), outcome = p_outcome, report = p_report
   where run_id = p_run
  returning closed_at into answer;
  delete from retain_guard.planned where run_id = p_run;
  perform retain_guard.tell('run.close', totals || jsonb_build_object('outcome', p_outcome));
  return answer;
end
$$;

-- retain_app writes the planned keys itself, in the transaction that counts them, straight from a
-- SELECT. Once the plan is registered for a decision the list is closed: it could only grow.
create or replace function retain_guard.planned_is_closed()
returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from added a join retain_guard.plan p using (run_id)) then
    perform retain_guard.refuse('PLAN_STALE', 'Keys cannot be added to a registered plan.');
  end if;
  return null;
end
$$;
drop trigger if exists planned_is_closed on retain_guard.planned;
create trigger planned_is_closed after insert on retain_guard.planned
  referencing new table as added
  for each statement execute function retain_guard.planned_is_closed();

reset role;
