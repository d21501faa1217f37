-- Turning staged keys into references that only the holder of the epoch key can connect to anybody.
set local role retain_guard_owner;

-- Says which key an epoch uses before anything is destroyed under it. The first worker to come decides;
-- one that holds another key of the same name is refused (`EPOCH_KEY_MISMATCH`).
create or replace function retain_guard.register_epoch(p_key_epoch text, p_commitment bytea)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into retain_guard.key_epoch (key_epoch, commitment) values (p_key_epoch, p_commitment)
  on conflict (key_epoch) do nothing;
  if not exists (select from retain_guard.key_epoch e
                  where e.key_epoch = p_key_epoch and e.commitment = p_commitment) then
    perform retain_guard.refuse('EPOCH_KEY_MISMATCH',
      'This worker holds another key of that epoch than the store knows. Give every worker the same key folder.');
  end if;
end
$$;

-- Stores the header and the packed references of a batch and forgets its keys, in one transaction. What
-- the header says of the batch is compared with what the guard itself wrote down when it destroyed.
--
-- Answers false when the batch was sealed before. Refuses a header or references that do not fit the
-- batch, or that do not continue the chain of the lane.
create or replace function retain_guard.seal_batch(
  p_batch uuid, p_key_epoch text, p_header bytea, p_refs bytea, p_sealed_by text, p_recovered boolean
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  the_batch retain_guard.batch;
  header    jsonb := convert_from(p_header, 'UTF8')::jsonb;
  previous  text;
begin
  delete from retain_guard.batch_staged s where s.batch_id = p_batch;
  if not found then
    if exists (select from retain_guard.batch_sealed s where s.batch_id = p_batch) then
      return false;
    end if;
    perform retain_guard.refuse('BATCH_MISMATCH', 'There is no such batch to seal.');
  end if;
  select b.* into the_batch from retain_guard.batch b where b.batch_id = p_batch;
  select encode(s.header_sha256, 'hex') into previous
    from retain_guard.batch b join retain_guard.batch_sealed s using (batch_id)
   where b.run_id = the_batch.run_id and b.step_no = the_batch.step_no and b.lane_no = the_batch.lane_no
     and b.seq = the_batch.seq - 1;
  if the_batch.seq = 1 then
    previous := repeat('0', 64);
  end if;
  if octet_length(p_refs) <> 32 * the_batch.destroyed
     or header ->> 'batch' is distinct from p_batch::text
     or header #>> '{items,sha256}' is distinct from encode(sha256(p_refs), 'hex')
     or header ->> 'prev' is distinct from previous
     or not exists (select from retain_guard.key_epoch e
                     where e.key_epoch = p_key_epoch and header ->> 'key_epoch' = p_key_epoch)
     or header -> 'parts' is distinct from the_batch.parts
     or not header @> jsonb_build_object(
          'kind', 'batch', 'run', the_batch.run_id, 'step', the_batch.step_no, 'lane', the_batch.lane_no,
          'seq', the_batch.seq, 'class', the_batch.record_class, 'action', the_batch.action,
          'table', the_batch.table_name, 'schema_sha256', the_batch.schema_sha256,
          'txid', the_batch.txid::text,
          'executed_at', to_char(the_batch.executed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
          'worker', p_sealed_by, 'recovered', p_recovered,
          'rule', jsonb_build_object('id', the_batch.rule_id, 'version', the_batch.rule_version, 'sha256', (
            select p.document::jsonb #>> '{schedule,sha256}' from retain_guard.plan p where p.run_id = the_batch.run_id)),
          'approval', jsonb_build_object('id', the_batch.run_id, 'sha256', (
            select substr(p.digest, 8) from retain_guard.plan p where p.run_id = the_batch.run_id)),
          'holds', jsonb_build_object('checked', true, 'version', the_batch.hold_version::text),
          'items', jsonb_build_object('count', the_batch.destroyed, 'len', 32)) then
    perform retain_guard.refuse('BATCH_MISMATCH', 'The seal does not fit the batch.');
  end if;
  insert into retain_guard.batch_sealed (batch_id, key_epoch, header, refs, sealed_by, recovered)
  values (p_batch, p_key_epoch, p_header, p_refs, p_sealed_by, p_recovered);
  return true;
end
$$;

-- Which of these batches holds this 32-byte reference. Binary search in the sorted, packed references;
-- they are stored uncompressed out of line, so a probe reads a slice and not the value.
create or replace function retain_guard.find_ref(p_run uuid, p_record_class text, p_ref bytea)
returns uuid
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  candidate record;
  low integer;
  high integer;
  middle integer;
  probe bytea;
begin
  for candidate in
    select b.batch_id, b.destroyed from retain_guard.batch b
     where b.run_id = p_run and b.record_class = p_record_class
  loop
    low := 0;
    high := candidate.destroyed - 1;
    while low <= high loop
      middle := (low + high) / 2;
      select substring(s.refs from middle * 32 + 1 for 32) into probe
        from retain_guard.batch_sealed s where s.batch_id = candidate.batch_id;
      exit when probe is null;
      if probe = p_ref then
        return candidate.batch_id;
      elsif probe < p_ref then
        low := middle + 1;
      else
        high := middle - 1;
      end if;
    end loop;
  end loop;
  return null;
end
$$;

reset role;
