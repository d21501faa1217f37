-- The only way to destroy. For retain_worker.
set local role retain_guard_owner;

-- Takes over a lane: every earlier holder of its fence is refused from now on. Answers where the lane is.
create or replace function retain_guard.claim_lane(p_run uuid, p_step integer, p_lane integer)
returns retain_guard.lane
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  answer retain_guard.lane;
begin
  update retain_guard.lane l set fence = l.fence + 1
   where l.run_id = p_run and l.step_no = p_step and l.lane_no = p_lane
  returning l.* into answer;
  if not found then
    perform retain_guard.refuse('PLAN_UNKNOWN', 'There is no such lane in this store.');
  end if;
  return answer;
end
$$;

-- Everything that must be true before a batch may touch a record, checked in the batch's own
-- transaction after the barrier: a live approval, of this document, naming these very statements, not
-- expired, for tables whose shape has not changed since. Answers the step as the document describes it,
-- with `statements` added. The tables are locked against a change of shape before they are compared.
create or replace function retain_guard.approved_step(p_run uuid, p_step integer)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  the_plan  retain_guard.plan;
  statements_text text;
  plan_doc  jsonb;
  step_doc  jsonb;
  table_name text;
  steady    text;
begin
  select p.* into the_plan
    from retain_guard.plan p
    join retain_guard.decision d
      on d.run_id = p.run_id and d.digest = p.digest and d.decision = 'approve'
   where p.run_id = p_run;
  if not found then
    perform retain_guard.refuse('APPROVAL_MISSING', 'Nobody has approved this plan.');
  end if;
  if the_plan.expires_at <= clock_timestamp() then
    perform retain_guard.refuse('PLAN_EXPIRED', 'The plan has expired. Make a new one.');
  end if;

  -- What was approved is the document; the columns beside it are copies to look things up by.
  plan_doc := the_plan.document::jsonb;
  if (plan_doc ->> 'expiresAt')::timestamptz <= clock_timestamp() then
    perform retain_guard.refuse('PLAN_EXPIRED', 'The plan has expired. Make a new one.');
  end if;
  perform retain_guard.require_current_plan(plan_doc);
  step_doc := plan_doc #> array['steps', (p_step - 1)::text];
  select s.statements into statements_text from retain_guard.step s where s.run_id = p_run and s.step_no = p_step;
  if encode(sha256(convert_to(the_plan.document, 'UTF8')), 'hex') <> substr(the_plan.digest, 8)
     or encode(sha256(convert_to(statements_text, 'UTF8')), 'hex')
        is distinct from step_doc ->> 'statementsSha256' then
    perform retain_guard.refuse('STATEMENT_NOT_APPROVED', 'The statement is not the one that was approved.');
  end if;

  for table_name in select jsonb_array_elements_text(step_doc -> 'tables') loop
    if to_regclass(table_name) is null then
      perform retain_guard.refuse('SCHEMA_DRIFT', 'A table of this step is gone. Make a new plan.');
    end if;
  end loop;
  for steady in select jsonb_array_elements_text(statements_text::jsonb -> 'steady') loop
    execute steady;
  end loop;
  if retain_guard.schema_sha256(array(select jsonb_array_elements_text(step_doc -> 'tables')))
     is distinct from step_doc ->> 'schemaSha256' then
    perform retain_guard.refuse('SCHEMA_DRIFT', 'The tables of this step have changed since the plan. Make a new plan.');
  end if;
  return step_doc || jsonb_build_object('statements', statements_text::jsonb,
                                        't0', plan_doc -> 't0', 'holdVersion', plan_doc -> 'holdVersion',
                                        'scheduleVersion', plan_doc #> '{schedule,version}');
end
$$;

-- One batch: picks up to `p_limit` planned records after the lane's cursor, destroys those that are
-- still due, unchanged since the plan, not blocked and not held, writes the batch row, stages the keys
-- and moves the cursor. One transaction: all of it or none of it.
--
-- Can never match: a record under a hold that became effective before `executed_at`; a row version
-- written at or after the plan's snapshot mark; a record outside the approved statements.
--
-- `outcome`: `worked`, `finished` (nothing left in the lane), `paused`, `stopped`, `unsealed` (too many
-- or too old unsealed batches: seal first), `unintegrated` (a sealed batch of any run has waited for the
-- ledger for over a minute: nothing is destroyed that it cannot follow). Refusals raise RG001. A row locked
-- by somebody else for two seconds raises 55P03 and changes nothing: a batch must not make holds wait
-- behind a stranger.
create or replace function retain_guard.dispose_batch(
  p_run uuid, p_step integer, p_lane integer, p_fence bigint, p_limit integer
) returns table (
  outcome text, batch_id uuid, seq integer, executed_at timestamptz, txid text, hold_version bigint,
  picked integer, destroyed integer, held integer, blocked integer, changed integer, gone integer,
  parts jsonb, keys text[]
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
set datestyle = 'ISO, YMD'
set timezone = 'UTC'
set row_security = off
set bytea_output = 'hex'
set extra_float_digits = 1
set jit = off
as $$
declare
  the_lane     retain_guard.lane;
  the_control  text;
  step_doc     jsonb;
  sql          jsonb;
  bound_values text[];
  young        integer;
  plan_holds   bigint;
  last_cursor  text[];
  root_rows    tid[];
  root_rels    oid[];
  due_rows     tid[];
  due_rels     oid[];
  part         jsonb;
  lock_sql     text;
  unlink_sql   text;
  left_sql     text;
  part_count   bigint;
  backlog      integer;
  oldest       timestamptz;
begin
  perform retain_guard.require_read_committed();
  if p_limit is null or p_limit not between 1 and 50000 then
    perform retain_guard.refuse('USAGE', 'A batch has between 1 and 50000 records: holds wait for it.');
  end if;
  perform pg_advisory_xact_lock_shared(retain_guard.barrier_key());

  select l.* into the_lane from retain_guard.lane l
   where l.run_id = p_run and l.step_no = p_step and l.lane_no = p_lane and l.fence = p_fence
     for update;
  if not found then
    perform retain_guard.refuse('FENCED', 'A later worker has taken over this lane.');
  end if;
  seq := the_lane.seq;
  -- Shared until the end: a pause, a stop or a closing waits for the batches in flight and then holds.
  select r.control into the_control from retain_guard.run r
   where r.run_id = p_run and r.closed_at is null for share;
  if not found then
    perform retain_guard.refuse('RUN_NOT_OPEN', 'This run is not open.');
  end if;
  if the_control <> 'run' then
    outcome := case the_control when 'pause' then 'paused' else 'stopped' end;
    return next;
    return;
  end if;
  if the_lane.finished_at is not null then
    outcome := 'finished';
    return next;
    return;
  end if;
  select count(*), min(s.executed_at) into backlog, oldest from retain_guard.batch_staged s
   where s.run_id = p_run and s.step_no = p_step and s.lane_no = p_lane;
  if backlog >= 4 or oldest < clock_timestamp() - interval '60 seconds' then
    outcome := 'unsealed';
    return next;
    return;
  end if;
  if retain_guard.unintegrated_since() < clock_timestamp() - interval '60 seconds' then
    outcome := 'unintegrated';
    return next;
    return;
  end if;

  step_doc := retain_guard.approved_step(p_run, p_step);
  sql := step_doc -> 'statements';
  bound_values := array(select jsonb_array_elements_text(sql -> 'values'));
  plan_holds := (step_doc ->> 'holdVersion')::bigint;
  txid := pg_current_xact_id()::text;
  -- A mark ahead of this server's transactions comes from another one (a restore): it marks nothing here.
  if txid::bigint - (step_doc ->> 't0')::bigint not between 0 and 1000000000 then
    perform retain_guard.refuse('PLAN_STALE', 'The plan does not belong to this history of the database. Make a new one.');
  end if;
  young := age((step_doc ->> 't0')::xid8::xid);
  executed_at := clock_timestamp();
  select s.version into hold_version from retain_guard.hold_state s;

  parts := '{}'::jsonb;
  if sql ->> 'flow' = 'simple' then
    execute sql ->> 'batch'
       into picked, last_cursor, destroyed, held, blocked, changed, keys
      using the_lane.cursor_at, the_lane.upper_bound, p_limit, p_run, p_step, plan_holds, young, bound_values;
    gone := 0;
  else
    execute sql ->> 'pick' into picked, last_cursor, root_rows, root_rels
      using the_lane.cursor_at, the_lane.upper_bound, p_limit, p_run, p_step, plan_holds, young, bound_values;
    gone := picked - coalesce(array_length(root_rows, 1), 0);
    for lock_sql in select jsonb_array_elements_text(sql -> 'locks') loop
      execute lock_sql using root_rows, root_rels;
    end loop;
    execute sql ->> 'decide' into due_rows, due_rels, held, blocked, changed, keys
      using root_rows, root_rels, null::integer, p_run, p_step, plan_holds, young, bound_values;
    destroyed := coalesce(array_length(due_rows, 1), 0);
    if destroyed > 0 then
      for unlink_sql in select jsonb_array_elements_text(sql -> 'unlink') loop
        execute unlink_sql into due_rows, due_rels using due_rows, due_rels;
      end loop;
      for part in select jsonb_array_elements(sql -> 'parts') loop
        execute part ->> 'sql' using due_rows, due_rels;
        get diagnostics part_count = row_count;
        parts := parts || jsonb_build_object(part ->> 'table',
                   coalesce((parts ->> (part ->> 'table'))::bigint, 0) + part_count);
      end loop;
      for left_sql in select jsonb_array_elements_text(sql -> 'remains') loop
        execute left_sql using due_rows, due_rels;
        get diagnostics part_count = row_count;
        if part_count > 0 then
          perform retain_guard.refuse('BATCH_MISMATCH', 'A trigger kept a part from going with its record.');
        end if;
      end loop;
      execute sql ->> 'root' using due_rows, due_rels, null::integer, p_run, p_step, plan_holds, young, bound_values;
      get diagnostics part_count = row_count;
      if part_count <> destroyed then
        perform retain_guard.refuse('BATCH_MISMATCH', 'The batch destroyed another number of records than it decided on.');
      end if;
    end if;
  end if;

  -- A partition can be attached beside a running batch, with rows that nobody planned.
  if (sql ->> 'partitioned')::boolean and
     retain_guard.schema_sha256(array(select jsonb_array_elements_text(step_doc -> 'tables')))
     is distinct from step_doc ->> 'schemaSha256' then
    perform retain_guard.refuse('SCHEMA_DRIFT', 'The tables of this step have changed since the plan. Make a new plan.');
  end if;

  -- The counts must add up for what was picked, whatever the statements say.
  if picked <> destroyed + held + blocked + changed + gone
     or destroyed <> coalesce(array_length(keys, 1), 0) then
    perform retain_guard.refuse('BATCH_MISMATCH', 'The counts of the batch do not add up.');
  end if;

  if destroyed > 0 then
    batch_id := gen_random_uuid();
    seq := the_lane.seq + 1;
    insert into retain_guard.batch (batch_id, run_id, step_no, lane_no, seq, record_class, rule_id, rule_version,
                                    action, table_name, destroyed, parts, hold_version, schema_sha256, executed_at, txid)
    values (dispose_batch.batch_id, p_run, p_step, p_lane, dispose_batch.seq, step_doc ->> 'recordClass', step_doc ->> 'rule',
            (step_doc ->> 'scheduleVersion')::integer, step_doc ->> 'action', step_doc #>> '{tables,0}',
            dispose_batch.destroyed, dispose_batch.parts, dispose_batch.hold_version, step_doc ->> 'schemaSha256',
            dispose_batch.executed_at, dispose_batch.txid::xid8);
    insert into retain_guard.batch_staged (batch_id, run_id, step_no, lane_no, executed_at, keys)
    values (dispose_batch.batch_id, p_run, p_step, p_lane, dispose_batch.executed_at, dispose_batch.keys);
  end if;
  update retain_guard.lane l
     set cursor_at = coalesce(last_cursor, l.cursor_at),
         seq = dispose_batch.seq,
         picked = l.picked + dispose_batch.picked,
         destroyed = l.destroyed + dispose_batch.destroyed,
         held = l.held + dispose_batch.held,
         blocked = l.blocked + dispose_batch.blocked,
         changed = l.changed + dispose_batch.changed,
         gone = l.gone + dispose_batch.gone,
         finished_at = case when dispose_batch.picked = 0 then clock_timestamp() end
   where l.run_id = p_run and l.step_no = p_step and l.lane_no = p_lane;
  outcome := case when picked = 0 then 'finished' else 'worked' end;
  return next;
end
$$;

reset role;
