/** The words of a certificate: what the organisation says beside what the log proves. */
import { addPeriod, dayIn } from '../../domain/calendar.ts';
import { RetentionError } from '../../domain/errors.ts';
import { instant } from '../../domain/instant.ts';
import type { RuleWords } from '../../ledger/certificate/format.ts';
import type { StatementOf } from '../../ledger/statements.ts';
import { type StoreConnection, storeClock } from '../../stores/postgres/connection.ts';
import { asStore } from '../../stores/postgres/driver-error.ts';
import { ruleInWords } from '../compose-plan.ts';
import { type ScheduleInForce, storeNamed } from '../context.ts';
import { scheduleOf } from '../schedule-versions.ts';
import type { Desk } from './desk.ts';

type Batch = StatementOf<'batch'>;

/**
 * The schedule version under which it was done. Throws `LEDGER_BROKEN` when the control database has another
 * file under that number, `SCHEDULE_NOT_INSTALLED` when it has none.
 */
export async function scheduleThen(
  { retain, inForce }: Desk,
  { version, sha256 }: { readonly version: number; readonly sha256: string },
): Promise<ScheduleInForce> {
  const then = version === inForce.version ? inForce : await scheduleOf(retain, version);
  if (then.sha256 === sha256) return then;
  throw new RetentionError(
    'LEDGER_BROKEN',
    `Schedule version ${version} of the control database is not the file that the ledger names. Run: retain log verify --database`,
    { version },
  );
}

/** What certificates of records and of runs say alike. `batches`: at least one, of one run. */
export async function commonWords(
  { inForce }: Desk,
  connection: StoreConnection,
  then: ScheduleInForce,
  batches: readonly Batch[],
) {
  const { organisation, timezone } = then.schedule;
  const [issuedAt, database] = await Promise.all([storeClock(connection), databaseOf(connection)]);
  const last = latest(batches.map(({ executed_at }) => executed_at));
  const day = dayIn(timezone, instant(last));
  // By the schedule of that time or the one in force, whichever keeps backups longer.
  const expiries = [then, inForce].map(({ schedule }) =>
    addPeriod(day, storeNamed(schedule, connection.store).backupsKeptFor),
  );
  return {
    organisation,
    issued_at: issuedAt,
    time_zone: timezone,
    backups_expire_on: latest(expiries),
    database,
  };
}

/** The rule by which the batch destroyed, as its schedule version has it. */
export function ruleWords({ schedule }: ScheduleInForce, { rule }: Batch): RuleWords {
  const found = Object.hasOwn(schedule.rules, rule.id) ? schedule.rules[rule.id] : undefined;
  if (found?.kind !== 'timed') throw notOfSchedule(`rule ${rule.id}`);
  return { text: ruleInWords(found), authority: found.authority };
}

/** The title of the batch's record class. */
export function classTitle({ schedule }: ScheduleInForce, batch: Batch): string {
  const classes = schedule.recordClasses;
  const found = Object.hasOwn(classes, batch.class) ? classes[batch.class] : undefined;
  if (found !== undefined) return found.title;
  throw notOfSchedule(`record class ${batch.class}`);
}

/** Of days, or of instants written alike. */
function latest(times: readonly string[]): string {
  return times.toSorted().at(-1) ?? '';
}

async function databaseOf({ sql, store }: StoreConnection): Promise<string> {
  const [row] = await asStore(
    store,
    () => sql<{ name: string }[]>`select current_database() as name`,
  );
  return row?.name ?? '';
}

function notOfSchedule(what: string): RetentionError {
  return new RetentionError(
    'LEDGER_BROKEN',
    `A batch names ${what}, which its schedule version does not have. Run: retain log verify --database`,
  );
}
