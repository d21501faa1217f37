/** Schedule versions as they were installed. */
import { parseSchedule } from '../config/schedule-file.ts';
import { RetentionError } from '../domain/errors.ts';
import type { Retain, ScheduleInForce } from './context.ts';

/** A schedule version by number, parsed. */
export async function scheduleOf(retain: Retain, version: number): Promise<ScheduleInForce> {
  const installed = await retain.control.scheduleAt(version);
  const schedule =
    installed && parseSchedule(installed.document, `schedule version ${version}`).schedule;
  if (!installed || !schedule) {
    throw new RetentionError(
      'SCHEDULE_NOT_INSTALLED',
      `Schedule version ${version} is not in the control database.`,
      { version },
    );
  }
  return { ...installed, schedule };
}
