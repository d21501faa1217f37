/** Batches that are kept beside the tree because a restore took them away, and what that must not excuse. */
import { also, changed, deleted, type Tampering } from './names.ts';

const NOT_THERE = [
  'E_DB_COUNT batch',
  'E_DB_MISSING batch {lost}',
  'E_DB_MISSING batch_sealed {lost}',
];
const KEEP = `insert into retain.log_kept select batch_id, header, refs from retain_guard.batch_sealed
  where batch_id = '{batch}'`;

/** Each in a database that was restored and brought back. */
export const CHANGED_IN_KEPT: readonly Tampering[] = [
  changed(
    'log_kept.header',
    'set_byte(header, 2, get_byte(header, 2) # 1)',
    'E_DB_HEADER retain.log_kept {lost} header',
  ),
  changed(
    'log_kept.refs',
    `overlay(refs placing sha256('x') from 1)`,
    'E_DB_ITEM retain.log_kept {lost} refs',
  ),
  changed(
    'log_kept.batch_id',
    `'{nobody}'`,
    ...NOT_THERE,
    ...['E_DB_COUNT retain.log_kept', 'E_DB_COUNT retain.log_kept {nobody}'],
  ),
];

export const AFTER_A_RESTORE: readonly Tampering[] = [
  deleted('log_kept', ...NOT_THERE, 'E_DB_COUNT retain.log_kept'),
  also('a batch kept as if it had been lost', KEEP, 'E_DB_COUNT retain.log_kept'),
  also(
    'and taken away then',
    `${KEEP}; delete from retain_guard.batch_sealed where batch_id = '{batch}';
     delete from retain_guard.batch where batch_id = '{batch}'`,
    ...['E_DB_COUNT retain.log_kept', 'E_DB_LANE lane {run}/1/1 seq destroyed'],
  ),
  also(
    'a statement under a number that was lost',
    `insert into retain_guard.event select {taken}, kind, body, names, at, 100001
       from retain_guard.event where event_no = {holdEvent}`,
    'E_DB_COUNT event {taken}',
  ),
  also(
    'a hold that the backup had',
    `delete from retain_guard.hold_key; delete from retain_guard.hold;
     delete from retain_guard.event where event_no = {holdEvent}`,
    ...['E_DB_MISSING event {holdEvent}', 'E_DB_MISSING hold 1', 'E_DB_MISSING hold_key 1 parcel'],
  ),
  also(
    'a restore that the store says happened later',
    'update retain_guard.event_state set resumed_after = resumed_after + 1',
    'E_DB_ROW event_state the only row resumed_after',
  ),
];
