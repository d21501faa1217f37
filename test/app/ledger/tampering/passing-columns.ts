/** Columns of rows that are there for a while only: keys that wait for their seal, keys that are planned. */
import { also, type Tampering } from './names.ts';

/** A row of keys for a batch that has lost its seal, with another value in one column. */
function stagedAgain(column: string, value: string): Tampering {
  const columns = ['batch_id', 'run_id', 'step_no', 'lane_no', 'executed_at'];
  const values = columns.map((name) => (name === column ? value : name));
  return also(
    `batch_staged.${column}`,
    `delete from retain_guard.batch_sealed where batch_id = '{batch}';
     insert into retain_guard.batch_staged (${columns.join(', ')}, keys)
     select ${values.join(', ')}, '{1}' from retain_guard.batch where batch_id = '{batch}'`,
    ...['E_DB_MISSING batch_sealed {batch}', `E_DB_ROW batch_staged {batch} ${column}`],
  );
}

const planned = (run: string, step: number): string =>
  `insert into retain_guard.planned values ('${run}', ${step}, 1, '{5}')`;

export const PASSING: readonly Tampering[] = [
  also(
    'batch_staged.batch_id',
    `insert into retain_guard.batch_staged (batch_id, run_id, step_no, lane_no, executed_at, keys)
     select '{nobody}', run_id, step_no, lane_no, executed_at, '{1}' from retain_guard.batch where batch_id = '{batch}'`,
    'E_DB_COUNT batch_staged {nobody}',
  ),
  also(
    'batch_staged of a batch that is sealed',
    `insert into retain_guard.batch_staged (batch_id, run_id, step_no, lane_no, executed_at, keys)
     select batch_id, run_id, step_no, lane_no, executed_at, '{1}' from retain_guard.batch where batch_id = '{batch}'`,
    'E_DB_COUNT batch_staged {batch}',
  ),
  stagedAgain('run_id', `'{early}'`),
  stagedAgain('step_no', '2'),
  stagedAgain('lane_no', '3'),
  stagedAgain('executed_at', `executed_at - interval '1 microsecond'`),
  also('planned.run_id', planned('{nobody}', 1), 'E_DB_COUNT planned {nobody}/1'),
  also('planned.step_no', planned('{open}', 9), 'E_DB_COUNT planned {open}/9'),
  also('planned of a run that is over', planned('{run}', 1), 'E_DB_COUNT planned {run}/1'),
  also('planned.key', planned('{open}', 1), 'E_DB_ROW planned {open}/1 key'),
  also(
    'planned of a plan that nobody began',
    planned('{rejected}', 1),
    'E_DB_ROW planned {rejected}/1 key',
  ),
  also(
    'revoked_signer.name',
    `insert into retain_guard.revoked_signer values ('worker-00000000', now() - interval '61 seconds')`,
    'E_DB_UNSEQUENCED revoked_signer worker-00000000',
  ),
];
