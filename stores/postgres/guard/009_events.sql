-- What the store tells the ledger, and how far the ledger has followed.
set local role retain_guard_owner;

-- RFC 3339 in UTC with microseconds: how every instant stands in the ledger.
create or replace function retain_guard.instant_text(p_instant timestamptz)
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$ select to_char(p_instant at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

-- An entry has at most 65535 bytes: signature, place and references of names come on top of the body.
create or replace function retain_guard.require_entry_fits(p_kind text, p_bytes bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_bytes > 60000 then
    perform retain_guard.refuse('LEDGER_ENTRY_TOO_LARGE', format(
      'An entry %s of %s bytes does not fit into the ledger; 60000 do. Ask for less at a time, such as a plan of fewer rules.',
      p_kind, p_bytes));
  end if;
end
$$;

-- Writes one statement for the ledger, in the transaction of the thing itself: both are there or neither.
-- `p_body` has the fields of its kind that this store knows (docs/design/ledger.md), `p_names` the plain
-- names of those that will be references. Numbers are in the order of commits, without gaps; `at` is read
-- once the number is certain, so it goes back only when the server's clock does.
--
-- It takes a lock that everybody who tells waits for. There can be no deadlock, because it is the LAST thing
-- each function does: whoever has the lock waits for nothing any more (only they insert here), so
-- nobody waits for them in a circle. Placing a hold has the barrier before it gets here and asks for none
-- after; the same holds for rows of runs, plans, lanes and tables that installing changes. Who calls two such
-- functions in one transaction has left that order, and the server ends one of the two.
--
-- The lock is a row that is never changed, and the number is one more than the last: a plan is made under
-- REPEATABLE READ, where a counter that somebody raised meanwhile could not be raised again.
create or replace function retain_guard.tell(p_kind text, p_body jsonb, p_names jsonb default '{}')
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  no bigint;
begin
  perform retain_guard.require_entry_fits(p_kind, octet_length(p_body::text));
  -- All others wait until this transaction ends: one whose client went silent is not waited for.
  perform set_config('idle_in_transaction_session_timeout', '10s', true);
  perform from retain_guard.event_state for update;
  select greatest(coalesce(max(e.event_no), 0), (select s.resumed_after from retain_guard.event_state s))
    into no from retain_guard.event e;
  loop
    no := no + 1;
    begin
      insert into retain_guard.event (event_no, kind, body, names, at)
      values (no, p_kind, p_body, p_names, clock_timestamp());
      return;
    exception when unique_violation then
      -- Told by others since the snapshot of this transaction, which does not show it.
    end;
  end loop;
end
$$;

-- What a run came to, out of the rows of its batches and lanes: the body of `run.close` without the
-- outcome. `last` is the SHA-256 of a lane's last header, for lanes that destroyed something.
create or replace function retain_guard.run_totals(p_run uuid)
returns jsonb
language sql
set search_path = pg_catalog, pg_temp
as $$
  with
    class as (
      select b.record_class, count(*) as batches, sum(b.destroyed)::bigint as records
        from retain_guard.batch b where b.run_id = p_run group by b.record_class
    ),
    lane as (
      select l.step_no, l.lane_no, l.seq, encode(s.header_sha256, 'hex') as last
        from retain_guard.lane l
        left join retain_guard.batch b
          on b.run_id = l.run_id and b.step_no = l.step_no and b.lane_no = l.lane_no and b.seq = l.seq
        left join retain_guard.batch_sealed s using (batch_id)
       where l.run_id = p_run and l.seq > 0
    )
  select jsonb_build_object(
           'run', p_run,
           'batches', (select coalesce(sum(c.batches), 0)::bigint from class c),
           'records', (select coalesce(sum(c.records), 0)::bigint from class c),
           'classes', (
             select coalesce(jsonb_object_agg(c.record_class, jsonb_build_object('batches', c.batches, 'records', c.records)), '{}')
               from class c),
           'lanes', (
             select coalesce(jsonb_agg(jsonb_build_object('step', l.step_no, 'lane', l.lane_no, 'seq', l.seq, 'last', l.last)
                                       order by l.step_no, l.lane_no), '[]')
               from lane l),
           'held', coalesce(sum(l.held), 0)::bigint, 'blocked', coalesce(sum(l.blocked), 0)::bigint,
           'changed', coalesce(sum(l.changed), 0)::bigint, 'gone', coalesce(sum(l.gone), 0)::bigint)
    from retain_guard.lane l where l.run_id = p_run
$$;

-- At most so many bytes will the `run.close` of this plan have: it names every lane and every class. Asked
-- when the plan is registered, because a run that was worked must be able to close.
create or replace function retain_guard.closing_bytes(p_run uuid, p_document jsonb)
returns bigint
language sql
set search_path = pg_catalog, pg_temp
as $$
  select 500 + 128 * (select count(*) from retain_guard.lane l where l.run_id = p_run)
       + (select coalesce(sum(64 + octet_length(to_jsonb(c.name)::text)), 0)::bigint
            from (select distinct s.step ->> 'recordClass' as name
                    from jsonb_array_elements(p_document -> 'steps') as s(step)) c)
$$;

-- Since when the sealed batch has waited that has waited longest for its place in the ledger; null when none
-- does. Asked before every batch: it must read one end of an index, however long the log is and whatever
-- the statistics say. 0.3 ms among 100,000 batches, and 1.5 us more for each one that was integrated since
-- the oldest snapshot on the server, whose index entry VACUUM has to leave.
create or replace function retain_guard.unintegrated_since()
returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
begin
  return (select s.sealed_at from retain_guard.batch_sealed s
           where s.first_index is null order by s.sealed_at limit 1);
end
$$;

-- Notes where batches and statements stand in the ledger, once a signed head contains them. Doing so again changes nothing. Refused as a whole
-- (`BATCH_MISMATCH`) when one is not there or stands elsewhere already.
create or replace function retain_guard.mark_integrated(
  p_batches uuid[], p_batch_indexes bigint[], p_events bigint[], p_event_indexes bigint[]
) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update retain_guard.batch_sealed s set first_index = m.first_index
    from unnest(p_batches, p_batch_indexes) as m(batch_id, first_index)
   where s.batch_id = m.batch_id and s.first_index is null;
  update retain_guard.event e set first_index = m.first_index
    from unnest(p_events, p_event_indexes) as m(event_no, first_index)
   where e.event_no = m.event_no and e.first_index is null;
  -- Arrays of unequal length leave one side null, which is neither there nor an index.
  if exists (select from unnest(p_batches, p_batch_indexes) as m(batch_id, first_index)
               left join retain_guard.batch_sealed s on s.batch_id = m.batch_id
              where m.first_index is null or s.first_index is distinct from m.first_index)
     or exists (select from unnest(p_events, p_event_indexes) as m(event_no, first_index)
                  left join retain_guard.event e on e.event_no = m.event_no
                 where m.first_index is null or e.first_index is distinct from m.first_index) then
    perform retain_guard.refuse('BATCH_MISMATCH', 'The ledger names another place than this store knows.');
  end if;
end
$$;

-- Fits a restored store to a ledger that remembers more: the statements that both have get their place,
-- those that the ledger does not have are numbered after `p_n`, its last of this store, and runs that were
-- under way are over. For retain_app; the way back from LEDGER_BEHIND. Doing so again changes nothing.
create or replace function retain_guard.resume_after(
  p_n bigint, p_runs uuid[], p_events bigint[], p_event_indexes bigint[], p_hold bigint, p_hold_version bigint
) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Beyond every number of a statement there will ever be.
  far constant bigint := 1000000000000000;
begin
  update retain_guard.run r
     set control = 'stop', control_reason = 'given up: the store was restored', control_at = clock_timestamp(),
         outcome = 'stopped', closed_at = clock_timestamp()
   where r.run_id = any (p_runs) and r.closed_at is null;
  delete from retain_guard.planned k where k.run_id = any (p_runs);
  update retain_guard.hold_state s set version = greatest(s.version, p_hold_version);
  -- Last, as everywhere: closing a run and placing a hold come here with their own rows locked.
  perform from retain_guard.event_state for update;
  update retain_guard.event e set first_index = m.first_index
    from unnest(p_events, p_event_indexes) as m(event_no, first_index)
   where e.event_no = m.event_no and e.first_index is null;
  if exists (select from retain_guard.event e where e.first_index is null and e.event_no <= p_n) then
    -- In two steps: a number is free only when everybody has left the old ones.
    update retain_guard.event e set event_no = e.event_no + far where e.first_index is null;
    update retain_guard.event e set event_no = p_n + m.place
      from (select event_no, row_number() over (order by event_no) as place
              from retain_guard.event where event_no > far) as m
     where e.event_no = m.event_no;
  end if;
  update retain_guard.event_state s set resumed_after = greatest(s.resumed_after, p_n);
  -- The next hold must be a new one for the ledger too.
  perform setval(pg_get_serial_sequence('retain_guard.hold', 'hold_no'), greatest(p_hold, max(h.hold_no)))
     from retain_guard.hold h having greatest(p_hold, max(h.hold_no)) > 0;
end
$$;

reset role;
