-- Turning staged keys into references that only the holder of the epoch key can connect to anybody.
set local role retain_guard_owner;

-- Says which key an epoch uses, and until when it is kept, before anything is destroyed under it. The first
-- worker to come decides; one that holds another key of the same name, or says another day, is refused
-- (`EPOCH_KEY_MISMATCH`), and so is the key of an epoch that was destroyed (`EPOCH_KEY_DESTROYED`).
create or replace function retain_guard.register_epoch(p_key_epoch text, p_commitment bytea, p_destroy_after date)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into retain_guard.key_epoch (key_epoch, commitment, destroy_after)
  values (p_key_epoch, p_commitment, p_destroy_after)
  on conflict (key_epoch) do nothing;
  if found then
    perform retain_guard.tell('epoch.open',
      jsonb_build_object('epoch', p_key_epoch, 'commitment', encode(p_commitment, 'hex'),
                         'destroy_after', to_char(p_destroy_after, 'YYYY-MM-DD')));
    return;
  end if;
  if not exists (select from retain_guard.key_epoch e
                  where e.key_epoch = p_key_epoch and e.commitment = p_commitment
                    and e.destroy_after is not distinct from p_destroy_after) then
    perform retain_guard.refuse('EPOCH_KEY_MISMATCH',
      'This worker holds another key of that epoch than the store knows. Give every worker the same key folder.');
  end if;
  perform retain_guard.require_epoch_alive(p_key_epoch);
end
$$;

-- Refuses what would use an epoch whose key is destroyed. Its key is not destroyed until the caller commits.
create or replace function retain_guard.require_epoch_alive(p_key_epoch text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  destroyed timestamptz;
begin
  select e.destroyed_at into destroyed from retain_guard.key_epoch e where e.key_epoch = p_key_epoch for share;
  if destroyed is not null then
    perform retain_guard.refuse('EPOCH_KEY_DESTROYED',
      'The key of that epoch is destroyed: nothing more is written under it. Is the clock of this worker right?');
  end if;
end
$$;

-- Refuses, and says why, while the key of an epoch must not be destroyed: it is another key, its quarter is not
-- over, batches wait for sealing or for the ledger (`EPOCH_KEY_IN_USE`), legal holds are in force
-- (`EPOCH_KEY_HELD`: the key is what connects the log with what they are about). With `p_on_date` also before
-- its day is over, by the clock of this server and in UTC.
create or replace function retain_guard.require_epoch_over(p_key_epoch text, p_commitment bytea, p_on_date boolean)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  the_epoch retain_guard.key_epoch;
  today     date := (clock_timestamp() at time zone 'UTC')::date;
  waiting   bigint;
  holds     bigint;
  named     text;
begin
  select e.* into the_epoch from retain_guard.key_epoch e where e.key_epoch = p_key_epoch;
  if not found or the_epoch.commitment is distinct from p_commitment then
    perform retain_guard.refuse('EPOCH_KEY_MISMATCH', 'This store knows another key of that epoch, or none.');
  end if;
  if split_part(p_key_epoch, '/', 2) collate "C" >= to_char(today, 'YYYY"Q"Q') collate "C" then
    perform retain_guard.refuse('EPOCH_KEY_IN_USE',
      format('%s is still being written: its quarter is not over.', p_key_epoch));
  end if;
  if p_on_date and (the_epoch.destroy_after >= today) is not false then
    perform retain_guard.refuse('EPOCH_KEY_IN_USE', format('The day of %s is not over by the clock of this store.', p_key_epoch));
  end if;
  select count(*) into waiting
    from retain_guard.batch_staged s join retain_guard.batch b using (batch_id)
   where b.record_class = split_part(p_key_epoch, '/', 1);
  if waiting > 0 then
    perform retain_guard.refuse('EPOCH_KEY_IN_USE',
      format('%s batches of the record class of %s are not sealed yet.', waiting, p_key_epoch));
  end if;
  select count(*) into waiting from retain_guard.batch_sealed s
   where s.key_epoch = p_key_epoch and s.first_index is null;
  if waiting > 0 then
    perform retain_guard.refuse('EPOCH_KEY_IN_USE',
      format('%s batches of %s are not in the ledger yet.', waiting, p_key_epoch));
  end if;
  select count(*), string_agg('H-' || h.hold_no, ', ' order by h.hold_no) filter (where h.place <= 20)
    into holds, named
    from (select hold_no, row_number() over (order by hold_no) as place
            from retain_guard.hold where released_at is null) as h;
  if holds > 0 then
    perform retain_guard.refuse('EPOCH_KEY_HELD',
      format('Legal holds are in force: %s%s. The key of %s stays until they are released.', named,
             case when holds > 20 then format(' and %s more', holds - 20) else '' end, p_key_epoch));
  end if;
end
$$;

-- Writes down, and tells the ledger, that the key of an epoch is destroyed; the caller then destroys it. False
-- when that was written before. Refuses as `require_epoch_over` does.
--
-- The barrier first, then the row: no hold is being placed, and no batch is being sealed under this epoch,
-- from the look until the commit.
create or replace function retain_guard.destroy_epoch(p_key_epoch text, p_commitment bytea, p_on_date boolean)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
begin
  perform retain_guard.require_read_committed();
  perform pg_advisory_xact_lock_shared(retain_guard.barrier_key());
  perform from retain_guard.key_epoch e where e.key_epoch = p_key_epoch for update;
  if exists (select from retain_guard.key_epoch e
              where e.key_epoch = p_key_epoch and e.commitment = p_commitment and e.destroyed_at is not null) then
    return false;
  end if;
  perform retain_guard.require_epoch_over(p_key_epoch, p_commitment, p_on_date);
  update retain_guard.key_epoch e set destroyed_at = clock_timestamp() where e.key_epoch = p_key_epoch;
  perform retain_guard.tell('epoch.destroy',
    jsonb_build_object('epoch', p_key_epoch, 'commitment', encode(p_commitment, 'hex')));
  return true;
end
$$;

-- For workers: only once the day is over.
create or replace function retain_guard.destroy_epoch_on_date(p_key_epoch text, p_commitment bytea)
returns boolean
language sql security definer
set search_path = pg_catalog, pg_temp
as $$ select retain_guard.destroy_epoch(p_key_epoch, p_commitment, true) $$;

-- For people.
create or replace function retain_guard.destroy_epoch_by_hand(p_key_epoch text, p_commitment bytea)
returns boolean
language sql security definer
set search_path = pg_catalog, pg_temp
as $$ select retain_guard.destroy_epoch(p_key_epoch, p_commitment, false) $$;

-- The header of a batch as it must be: everything the guard wrote down itself when it destroyed, and the
-- references that are being stored. The name of the signing key alone is the worker's to say; whether it
-- signed is for the sequencer, since PostgreSQL knows no Ed25519.
create or replace function retain_guard.expected_header(
  p_batch retain_guard.batch, p_key_epoch text, p_refs bytea, p_signing_key jsonb, p_recovered boolean
) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
  select jsonb_build_object(
           'v', 1, 'kind', 'batch', 'store', (select i.store from retain_guard.installation i),
           'batch', p_batch.batch_id, 'run', p_batch.run_id, 'step', p_batch.step_no, 'lane', p_batch.lane_no,
           'seq', p_batch.seq,
           'prev', case when p_batch.seq = 1 then repeat('0', 64) else (
             select encode(s.header_sha256, 'hex')
               from retain_guard.batch b join retain_guard.batch_sealed s using (batch_id)
              where b.run_id = p_batch.run_id and b.step_no = p_batch.step_no and b.lane_no = p_batch.lane_no
                and b.seq = p_batch.seq - 1) end,
           'class', p_batch.record_class, 'action', p_batch.action, 'table', p_batch.table_name, 'parts', p_batch.parts,
           'rule', jsonb_build_object('id', p_batch.rule_id, 'version', p_batch.rule_version,
                                      'sha256', p.document::jsonb #>> '{schedule,sha256}'),
           'approval', jsonb_build_object('id', p_batch.run_id, 'sha256', substr(p.digest, 8)),
           'schema_sha256', p_batch.schema_sha256,
           'executed_at', retain_guard.instant_text(p_batch.executed_at), 'txid', p_batch.txid::text,
           'holds', jsonb_build_object('checked', true, 'version', p_batch.hold_version::text),
           'items', jsonb_build_object('count', p_batch.destroyed, 'len', 32, 'order', 'asc',
                                       'sha256', encode(sha256(p_refs), 'hex')),
           'key_epoch', (select e.key_epoch from retain_guard.key_epoch e where e.key_epoch = p_key_epoch),
           'worker', p_signing_key, 'recovered', p_recovered)
    from retain_guard.plan p where p.run_id = p_batch.run_id
  );
end
$$;

-- Stores the header (a complete signed entry of the ledger) and the packed references of a batch and
-- forgets its keys, in one transaction. What the header says of the batch is compared with what the guard
-- itself wrote down when it destroyed: nothing may be missing, other or more.
--
-- Answers false when the batch was sealed before. Refuses a header or references that do not fit the
-- batch, or that do not continue the chain of the lane, an epoch whose key is destroyed, and a header signed
-- by a key that is revoked.
create or replace function retain_guard.seal_batch(
  p_batch uuid, p_key_epoch text, p_header bytea, p_refs bytea, p_sealed_by text, p_recovered boolean
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  the_batch retain_guard.batch;
  header    jsonb;
begin
  delete from retain_guard.batch_staged s where s.batch_id = p_batch;
  if not found then
    if exists (select from retain_guard.batch_sealed s where s.batch_id = p_batch) then
      return false;
    end if;
    perform retain_guard.refuse('BATCH_MISMATCH', 'There is no such batch to seal.');
  end if;
  -- 0x01, 0x01 (a batch), 64 bytes of signature, JSON; an entry of the ledger has at most 65535 bytes.
  if octet_length(p_header) not between 67 and 65535 or substring(p_header for 2) <> decode('0101', 'hex') then
    perform retain_guard.refuse('BATCH_MISMATCH', 'The header is no entry of the ledger for a batch.');
  end if;
  perform retain_guard.require_epoch_alive(p_key_epoch);
  header := convert_from(substring(p_header from 67), 'UTF8')::jsonb;
  select b.* into the_batch from retain_guard.batch b where b.batch_id = p_batch;
  if octet_length(p_refs) <> 32 * the_batch.destroyed
     or jsonb_typeof(header -> 'worker') is distinct from 'string'
     or header is distinct from
          retain_guard.expected_header(the_batch, p_key_epoch, p_refs, header -> 'worker', p_recovered) then
    perform retain_guard.refuse('BATCH_MISMATCH', 'The seal does not fit the batch.');
  end if;
  if exists (select from retain_guard.revoked_signer r where r.name = header ->> 'worker') then
    perform retain_guard.refuse('SIGNER_REVOKED', format(
      '%s is revoked: nothing is sealed with it. Give this worker the key that is in use.', header ->> 'worker'));
  end if;
  insert into retain_guard.batch_sealed (batch_id, key_epoch, header, refs, sealed_by, recovered)
  values (p_batch, p_key_epoch, p_header, p_refs, p_sealed_by, p_recovered);
  return true;
end
$$;

-- From its commit on no batch is sealed with this key; those that were are committed by then: each seal reads
-- the table, and so holds a lock on it until it ends, that this one waits for. Waits for two seconds at most,
-- since seals queue behind it. Doing so again changes nothing.
create or replace function retain_guard.revoke_signer(p_name text)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
begin
  lock table retain_guard.revoked_signer in access exclusive mode;
  insert into retain_guard.revoked_signer (name) values (p_name) on conflict (name) do nothing;
end
$$;

-- Which batch of the run holds this 32-byte reference. References are digests in ascending order, so they lie
-- evenly, and where one stands is known to three standard deviations before anything is read: they are stored
-- uncompressed out of line, and that slice alone is fetched of each batch. Where it does not reach from below
-- the reference to above it (3 batches in 1,000), all of the batch is.
create or replace function retain_guard.find_ref(p_run uuid, p_record_class text, p_ref bytea)
returns uuid
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  share double precision;
begin
  if octet_length(p_ref) is distinct from 32 then
    return null;
  end if;
  share := (get_byte(p_ref, 0) * 65536 + get_byte(p_ref, 1) * 256 + get_byte(p_ref, 2)) / 16777216.0;
  return (
    select looked.batch_id from (
      select b.batch_id, s.refs, n.refs as count, near.first, near.last,
             substring(s.refs from near.first * 32 + 1 for (near.last - near.first) * 32) as slice
        from retain_guard.batch b
        join retain_guard.batch_sealed s using (batch_id)
       cross join lateral (select octet_length(s.refs) / 32 as refs) n
       cross join lateral (select 3 * sqrt(n.refs * share * (1 - share)) + 2 as refs) spread
       cross join lateral (
         select greatest(0, floor(n.refs * share - spread.refs))::integer as first,
                least(n.refs, ceil(n.refs * share + spread.refs))::integer as last) near
       where b.run_id = p_run and b.record_class = p_record_class
      -- Keeps the planner from fetching the slice anew for each of the three times it is looked at.
      offset 0) looked
     where position(p_ref in
             case when (looked.first = 0 or substring(looked.slice for 32) <= p_ref)
                   and (looked.last = looked.count
                        or substring(looked.slice from octet_length(looked.slice) - 31) >= p_ref)
                  then looked.slice else looked.refs end) % 32 = 1
     limit 1);
end
$$;

reset role;
