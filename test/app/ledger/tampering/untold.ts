/**
 * Columns of which the log tells nothing, so that a change cannot be seen: notes of operations, free words,
 * positions, numbers of rows, which keys and people are under a hold.
 */
export const UNTOLD: readonly string[] = [
  'batch_sealed.sealed_at',
  'batch_sealed.sealed_by',
  'lane.upper_bound',
  'lane.cursor_at',
  'lane.fence',
  'lane.finished_at',
  'run.control',
  'run.control_by',
  'run.control_reason',
  'run.control_at',
  'run.report',
  'hold.because',
  'hold.schedule_version',
  'hold.released_because',
  'installation.installed_at',
  'installation.installed_by',
  'schedule_in_force.adopted_at',
  'hold_key.key_text',
  'hold_key.key_number',
  'hold_subject.subject',
  'control_run.created_at',
  'log_checkpoint.signed_at',
  'log_outbox.no',
];
