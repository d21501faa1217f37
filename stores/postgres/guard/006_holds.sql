-- Placing and releasing legal holds. For retain_app.
set local role retain_guard_owner;

create or replace function retain_guard.open_matter(p_matter text, p_title text, p_opened_by text)
returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into retain_guard.matter (matter_id, title, opened_by) values (p_matter, p_title, p_opened_by)
  on conflict (matter_id) do nothing
$$;

-- Places one hold over any number of record keys and subjects, present or future.
--
-- `effective_at` is read while the barrier is held exclusively, so it is later than the executed_at of
-- every batch that could not see this hold and earlier than that of every batch that can. The caller
-- waits for at most the batches in flight.
create or replace function retain_guard.place_hold(
  p_matter text, p_reason text, p_because text, p_placed_by text, p_review_on date,
  p_classes text[], p_keys text[], p_subject_kinds text[], p_subjects text[]
) returns table (hold_no bigint, version bigint, placed_at timestamptz, effective_at timestamptz)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  asked_at timestamptz := clock_timestamp();
  words    integer;
begin
  perform retain_guard.require_read_committed();
  if coalesce(array_length(p_keys, 1), 0) + coalesce(array_length(p_subjects, 1), 0) = 0 then
    perform retain_guard.refuse('HOLD_SCOPE_EMPTY', 'A hold must cover something: name a record key or a subject.');
  end if;
  if not exists (select from retain_guard.matter m where m.matter_id = p_matter) then
    perform retain_guard.refuse('MATTER_UNKNOWN', 'There is no such matter. Open it first.');
  end if;

  perform pg_advisory_xact_lock(retain_guard.barrier_key());
  -- No snapshot hides a sequence: who reads under an older one than this hold learns of it here.
  perform setval('retain_guard.hold_epoch', pg_current_xact_id()::text::bigint);

  select f.version into words from retain_guard.schedule_in_force f;
  if not found then
    perform retain_guard.refuse('SCHEDULE_NOT_INSTALLED', 'This store has not heard of any schedule yet.');
  end if;
  update retain_guard.hold_state s set version = s.version + 1 returning s.version into version;
  placed_at := asked_at;
  effective_at := clock_timestamp();
  insert into retain_guard.hold as h
    (matter_id, reason, because, placed_by, placed_at, effective_at, review_on, version, schedule_version)
  values (p_matter, p_reason, p_because, p_placed_by, asked_at, place_hold.effective_at, p_review_on, place_hold.version, words)
  returning h.hold_no into hold_no;
  insert into retain_guard.hold_key (record_class, key_text, hold_no)
  select distinct k.class, k.key, place_hold.hold_no from unnest(p_classes, p_keys) as k(class, key);
  insert into retain_guard.hold_subject (subject_kind, subject, hold_no)
  select distinct s.kind, s.subject, place_hold.hold_no from unnest(p_subject_kinds, p_subjects) as s(kind, subject);
  insert into retain_guard.hold_reach (kind, name)
  select 'class', c from unnest(p_classes) as c union select 'subject', k from unnest(p_subject_kinds) as k
  on conflict do nothing;
  perform retain_guard.tell('hold.place',
    jsonb_build_object(
      'hold', hold_no, 'version', version::text, 'reason', p_reason,
      'placed_at', retain_guard.instant_text(placed_at), 'effective_at', retain_guard.instant_text(effective_at),
      'review_on', to_char(p_review_on, 'YYYY-MM-DD'),
      'classes', (
        select coalesce(jsonb_object_agg(k.record_class, k.keys), '{}')
          from (select k.record_class, count(*) as keys from retain_guard.hold_key k
                 where k.hold_no = place_hold.hold_no group by k.record_class) k),
      'subjects', (
        select coalesce(jsonb_object_agg(s.subject_kind, s.subjects), '{}')
          from (select s.subject_kind, count(*) as subjects from retain_guard.hold_subject s
                 where s.hold_no = place_hold.hold_no group by s.subject_kind) s)),
    jsonb_build_object('matter', p_matter, 'placed_by', p_placed_by));
  return next;
end
$$;

-- Releases one hold. A record that another hold covers stays held, and plans made before the release
-- still treat the record as held: a release can free records for a later plan only.
create or replace function retain_guard.release_hold(p_hold_no bigint, p_released_by text, p_because text)
returns timestamptz
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  new_version bigint;
  answer timestamptz;
begin
  perform retain_guard.require_read_committed();
  perform pg_advisory_xact_lock(retain_guard.barrier_key());
  if not exists (select from retain_guard.hold h where h.hold_no = p_hold_no) then
    perform retain_guard.refuse('HOLD_UNKNOWN', 'There is no such hold.');
  end if;
  update retain_guard.hold_state s set version = s.version + 1 returning s.version into new_version;
  update retain_guard.hold h
     set released_at = clock_timestamp(), released_by = p_released_by,
         released_because = p_because, released_version = new_version
   where h.hold_no = p_hold_no and h.released_at is null
  returning h.released_at into answer;
  if answer is null then
    perform retain_guard.refuse('HOLD_RELEASED', 'This hold was released before.');
  end if;
  perform retain_guard.tell('hold.release',
    jsonb_build_object('hold', p_hold_no, 'version', new_version::text, 'released_at', retain_guard.instant_text(answer)),
    jsonb_build_object('released_by', p_released_by));
  return answer;
end
$$;

reset role;
