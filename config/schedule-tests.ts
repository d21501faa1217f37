/** Layer 5: the worked examples in the file, run with the calendar. */

import { parseCalendarDate } from '../domain/civil.ts';
import { firstDestroyable, type TriggerMoment } from '../domain/eligibility.ts';
import { compareInstants, instant } from '../domain/instant.ts';
import type { RetentionSchedule, ScheduleTest } from '../domain/schedule.ts';
import { type Problem, problem } from './schedule-finding.ts';

/** Every test of the file that its rule does not fulfil. */
export function testProblems(schedule: RetentionSchedule): Problem[] {
  return schedule.tests.flatMap((test, index) => testProblem(schedule, test, index));
}

function testProblem(schedule: RetentionSchedule, test: ScheduleTest, index: number): Problem[] {
  const rule = schedule.rules[test.rule];
  const path = ['tests', index];
  if (rule?.kind !== 'timed') {
    const message = `${test.rule} never destroys anything, so there is no instant to expect.`;
    return [problem([...path, 'rule'], 'TEST_RULE_NOT_TIMED', message)];
  }
  const day = parseCalendarDate(test.triggeredOn);
  const trigger: TriggerMoment =
    day === undefined ? { instant: instant(test.triggeredOn) } : { day };
  const cutoff = rule.cutoff === undefined ? undefined : schedule.calendars[rule.cutoff];
  const clock = { zone: schedule.timezone, cutoff, period: rule.keep.atLeast };
  const { destroyableFrom, keptThrough } = firstDestroyable(clock, trigger);
  if (compareInstants(destroyableFrom, instant(test.destroyableFrom)) === 0) return [];
  const message = `${test.rule} triggered ${test.triggeredOn} is kept through ${keptThrough} and destroyable from ${destroyableFrom}, not ${test.destroyableFrom}.`;
  return [problem([...path, 'destroyable_from'], 'TEST_FAILED', message)];
}
