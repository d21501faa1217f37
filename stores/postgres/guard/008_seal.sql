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
  if found then
    perform retain_guard.tell('epoch.open',
      jsonb_build_object('epoch', p_key_epoch, 'commitment', encode(p_commitment, 'hex')));
  elsif not exists (select from retain_guard.key_epoch e
                     where e.key_epoch = p_key_epoch and e.commitment = p_commitment) then
    perform retain_guard.refuse('EPOCH_KEY_MISMATCH',
      'This worker holds another key of that epoch than the store knows. Give every worker the same key folder.');
  end if;
end
$$;

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
-- batch, or that do not continue the chain of the lane.
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
  header := convert_from(substring(p_header from 67), 'UTF8')::jsonb;
  select b.* into the_batch from retain_guard.batch b where b.batch_id = p_batch;
  if octet_length(p_refs) <> 32 * the_batch.destroyed
     or jsonb_typeof(header -> 'worker') is distinct from 'string'
     or header is distinct from
          retain_guard.expected_header(the_batch, p_key_epoch, p_refs, header -> 'worker', p_recovered) then
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
