/** Rows that are gone, and rows that nothing published. */
import { also, deleted, type Tampering } from './names.ts';

export const DELETED: readonly Tampering[] = [
  deleted('batch', 'E_DB_COUNT batch', 'E_DB_MISSING batch {batch}'),
  deleted('batch_sealed', 'E_DB_MISSING batch_sealed {batch}'),
  deleted('event', 'E_DB_MISSING event {event}'),
  deleted('lane', 'E_DB_MISSING lane {lane}'),
  deleted('plan', 'E_DB_MISSING plan {run}'),
  deleted('step', 'E_DB_MISSING step {run}/1'),
  deleted('decision', 'E_DB_MISSING decision {run}'),
  deleted('run', 'E_DB_MISSING run {run}'),
  deleted('hold', 'E_DB_MISSING hold 1'),
  deleted('hold_key', 'E_DB_MISSING hold_key 1 parcel'),
  deleted('hold_subject', 'E_DB_MISSING hold_subject 1 addressee'),
  deleted('hold_reach', 'E_DB_MISSING hold_reach class parcel'),
  deleted('hold_state', 'E_DB_ROW hold_state the only row version'),
  deleted('key_epoch', 'E_DB_MISSING key_epoch {epoch}'),
  deleted('schedule_version', 'E_DB_MISSING retain.schedule_version 1'),
  deleted('control_run', 'E_DB_MISSING retain.run {run}'),
  deleted('log_seq', 'E_DB_MISSING retain.log_seq {index}'),
  deleted('log_state', 'E_DB_MISSING retain.log_state the head'),
  deleted('log_source', 'E_DB_MISSING retain.log_source store:records'),
  deleted('log_lane', 'E_DB_MISSING retain.log_lane store:records {lane}'),
  deleted('log_outbox', 'E_DB_MISSING retain.log_outbox {ruleIndex}'),
  deleted('log_checkpoint', 'E_DB_MISSING retain.log_checkpoint {size}'),
  deleted('event_state', 'E_DB_ROW event_state the only row resumed_after'),
  deleted('schedule_in_force', 'E_DB_ROW schedule_in_force the only row version'),
  deleted('matter', 'E_DB_ROW hold 1 matter', 'E_DB_ROW hold 2 matter'),
];

/** Rows that nothing published. */
export const ADDED: readonly Tampering[] = [
  also(
    'a batch with its seal',
    `insert into retain_guard.batch select '{nobody}', run_id, step_no, 7, 1, record_class, rule_id, rule_version, action,
            table_name, destroyed, parts, hold_version, schema_sha256, executed_at, txid
       from retain_guard.batch where batch_id = '{batch}';
     insert into retain_guard.batch_sealed (batch_id, key_epoch, header, refs, sealed_by, recovered, first_index)
     select '{nobody}', key_epoch, header, refs, sealed_by, recovered, 100001
       from retain_guard.batch_sealed where batch_id = '{batch}'`,
    'E_DB_COUNT batch_sealed {nobody}',
    'E_DB_MISSING lane {run}/1/7',
  ),
  also(
    'a statement of a store',
    `insert into retain_guard.event select event_no + 900, kind, body, names, at, 100001
       from retain_guard.event where event_no = {event}`,
    'E_DB_COUNT event {strayEvent}',
  ),
  also(
    'a plan',
    `insert into retain_guard.plan select '{nobody}', document, digest, requested_by, created_at, expires_at, t0, hold_version
       from retain_guard.plan where run_id = '{run}'`,
    'E_DB_COUNT plan {nobody}',
  ),
  also(
    'a step',
    `insert into retain_guard.step select run_id, 2, statements from retain_guard.step where run_id = '{run}';
     insert into retain_guard.lane (run_id, step_no, lane_no) values ('{run}', 2, 1)`,
    'E_DB_COUNT step {run}/2',
  ),
  also(
    'a decision',
    `insert into retain_guard.decision select '{nobody}', digest, requested_by, decision, decided_by
       from retain_guard.decision where run_id = '{run}'`,
    'E_DB_COUNT decision {nobody}',
  ),
  also(
    'a run',
    `insert into retain_guard.run (run_id, opened_by, control_by) values ('{nobody}', 'amira', 'amira')`,
    'E_DB_COUNT run {nobody}',
  ),
  also(
    'a hold',
    `insert into retain_guard.hold (matter_id, reason, because, placed_by, placed_at, effective_at, review_on, version, schedule_version)
     select matter_id, reason, because, placed_by, placed_at, effective_at, review_on, 9, schedule_version
       from retain_guard.hold where hold_no = 1`,
    'E_DB_COUNT hold 3',
  ),
  also(
    'a key under a hold',
    `insert into retain_guard.hold_key (record_class, key_text, hold_no) values ('parcel', '5', 1)`,
    'E_DB_ROW hold_key 1 parcel keys',
  ),
  also(
    'an epoch key',
    `insert into retain_guard.key_epoch (key_epoch, commitment) values ('parcel/1999Q1', sha256('x'))`,
    'E_DB_COUNT key_epoch parcel/1999Q1',
  ),
  also(
    'a schedule version',
    `insert into retain.schedule_version (version, sha256, document, installed_by)
     select 9, sha256, document, installed_by from retain.schedule_version where version = 2`,
    'E_DB_COUNT retain.schedule_version 9',
  ),
  also(
    'a place among the records of a batch',
    `insert into retain.log_seq (first_index, leaves, source, kind, batch_id)
     values ({nextIndex}, 2, 'store:records', 'batch', '{nobody}')`,
    'E_DB_COUNT retain.log_seq {nextIndex}',
  ),
  also(
    'places behind the end',
    `insert into retain.log_seq (first_index, leaves, source, kind, batch_id)
     values (100001, 2, 'store:records', 'batch', '{nobody}'), (-1, 1, 'control', 'batch', '{early}')`,
    ...['E_DB_COUNT retain.log_seq 100001', 'E_DB_COUNT retain.log_seq -1'],
  ),
  also(
    'tiles',
    `insert into retain.log_tile values (0, 0, sha256('x')), (1, 0, sha256('x')), (2, 5, sha256('x'))`,
    ...[
      'E_DB_COUNT retain.log_tile 0/0',
      'E_DB_COUNT retain.log_tile 1/0',
      'E_DB_COUNT retain.log_tile 2/5',
    ],
  ),
  also(
    'a source',
    `insert into retain.log_source values ('store:other', 1, sha256('x'))`,
    'E_DB_COUNT retain.log_source store:other',
  ),
  also(
    'a lane of a closed run',
    `insert into retain.log_lane values ('store:records', '{run}', 1, 7, 1, sha256('x'))`,
    ...['E_DB_COUNT retain.log_lane store:records {run}/1/7', 'E_DB_COUNT retain.log_lane'],
  ),
  also(
    'a checkpoint',
    `insert into retain.log_checkpoint (size, note) select size + 1, note from retain.log_checkpoint`,
    'E_DB_COUNT retain.log_checkpoint {afterEnd}',
  ),
  also(
    'a timestamp',
    `insert into retain.log_timestamp (size, note, response) select size + 1, note, response from retain.log_timestamp`,
    'E_DB_COUNT retain.log_timestamp {afterEnd}',
  ),
  also(
    'bytes of a batch beside the tree, which its store has',
    `insert into retain.log_kept select batch_id, header, overlay(refs placing sha256('x') from 1)
       from retain_guard.batch_sealed where batch_id = '{batch}'`,
    'E_DB_COUNT retain.log_kept {batch}',
  ),
  also(
    'bytes of a batch that is not in the log',
    `insert into retain.log_kept select '{nobody}', header, refs from retain_guard.batch_sealed where batch_id = '{batch}'`,
    'E_DB_COUNT retain.log_kept {nobody}',
  ),
  also(
    'a run of a store that there is not',
    `insert into retain.run (run_id, store, schedule_version, requested_by, digest)
     select '00000000-0000-0000-0000-000000000000', 'nowhere', schedule_version, requested_by, digest
       from retain.run where run_id = '{run}'`,
    'E_DB_COUNT retain.run 00000000-0000-0000-0000-000000000000',
  ),
  also(
    'a row of the outbox',
    `insert into retain.log_outbox (kind, body, first_index) values ('rule.version', '{"version": 7}', {nextIndex})`,
    'E_DB_COUNT retain.log_outbox {nextIndex}',
  ),
];
