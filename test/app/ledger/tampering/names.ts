/**
 * What somebody who owns the databases can do to the rows that the log tells of, and everything that is found
 * then: code, table, row, columns. Rows are named as `fullHistory` does.
 */

/** Statements run as superuser with triggers and foreign keys off. */
export type Tampering = readonly [name: string, statements: string, found: readonly string[]];

const WHERE: Readonly<Record<string, string>> = {
  'retain_guard.batch': `batch_id = '{batch}'`,
  'retain_guard.batch_sealed': `batch_id = '{batch}'`,
  'retain_guard.event': 'event_no = {event}',
  'retain_guard.lane': `run_id = '{run}' and lane_no = 2`,
  'retain_guard.plan': `run_id = '{run}'`,
  'retain_guard.step': `run_id = '{run}'`,
  'retain_guard.decision': `run_id = '{run}'`,
  'retain_guard.run': `run_id = '{run}'`,
  'retain_guard.hold': 'hold_no = 1',
  'retain_guard.hold_key': 'hold_no = 1',
  'retain_guard.hold_subject': 'hold_no = 1',
  'retain_guard.hold_reach': `kind = 'class'`,
  'retain_guard.hold_state': 'true',
  'retain_guard.key_epoch': 'true',
  'retain_guard.schedule_in_force': 'true',
  'retain_guard.matter': `matter_id = 'M-1'`,
  'retain_guard.event_state': 'true',
  'retain_guard.installation': 'true',
  'retain.schedule_version': 'version = 1',
  'retain.run': `run_id = '{run}'`,
  'retain.log_seq': `batch_id = '{batch}'`,
  'retain.log_state': 'true',
  'retain.log_source': `source = 'store:records'`,
  'retain.log_lane': `run_id = '{run}' and lane = 2`,
  'retain.log_outbox': `kind = 'rule.version' and body ->> 'version' = '1'`,
  'retain.log_checkpoint': 'true',
  'retain.log_timestamp': 'true',
  'retain.log_kept': `batch_id = '{lost}'`,
};

const whole = (table: string): string =>
  table.startsWith('log_') || CONTROL.has(table) ? `retain.${table}` : `retain_guard.${table}`;
const CONTROL = new Set(['schedule_version', 'control_run']);
export const named = (table: string): string =>
  table === 'control_run' ? 'retain.run' : whole(table);

/** The row of a table that is tampered with. */
export const rowOf = (table: string): string => WHERE[table] ?? 'false';

/** `table.column`, what it becomes, and what is found. */
export function changed(column: string, to: string, ...found: string[]): Tampering {
  const [table = '', name = ''] = column.split('.');
  return [column, `update ${named(table)} set ${name} = ${to} where ${rowOf(named(table))}`, found];
}

export function also(name: string, statements: string, ...found: string[]): Tampering {
  return [name, statements, found];
}

export function deleted(table: string, ...found: string[]): Tampering {
  return [
    `a row of ${table} deleted`,
    `delete from ${named(table)} where ${rowOf(named(table))}`,
    found,
  ];
}

export const HEADER = 'E_DB_HEADER batch {batch}';
export const SEAL = 'E_DB_HEADER batch_sealed {batch}';
export const EVENT = 'E_DB_STATEMENT event {event}';
export const LANE = 'E_DB_LANE lane {lane}';
export const PLAN = 'E_DB_ROW plan {run}';
export const DECISION = 'E_DB_ROW decision {run}';
export const RUN = 'E_DB_ROW run {run}';
export const HOLD = 'E_DB_ROW hold 1';
export const EPOCH = 'E_DB_ROW key_epoch {epoch}';
export const SCHEDULE = 'E_DB_ROW retain.schedule_version 1';
export const INDEX_RUN = 'E_DB_ROW retain.run {run}';
export const PLACE = 'E_DB_TREE retain.log_seq {index}';
export const HEAD = 'E_DB_TREE retain.log_state the head';
export const OUTBOX = 'E_DB_STATEMENT retain.log_outbox {ruleIndex}';
export const MICROSECOND = `interval '1 microsecond'`;
export const DAY = `interval '1 day'`;
