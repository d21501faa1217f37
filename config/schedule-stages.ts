/** Rules that meet on the same records: collisions, and stages that cannot follow one another. */

import { areDisjoint } from '../domain/conditions.ts';
import { mayEndBefore } from '../domain/period.ts';
import { type RecordClass, type RetentionRule, STAGE, type TimedRule } from '../domain/schedule.ts';
import { type Problem, problem, problemAtKey, type SchedulePath } from './schedule-finding.ts';
import { type ReadableSchedule, sameTable } from './schedule-readable.ts';

type PlaceOf = (path: SchedulePath) => string;

/** Problems of every two rules that may act on one record. The later of the two is pointed at. */
export function stageProblems(schedule: ReadableSchedule, placeOf: PlaceOf): Problem[] {
  const { rules, classes } = schedule;
  return rules.flatMap((second, index) =>
    rules
      .slice(0, index)
      .filter((first) => meet(first, second, classes))
      .flatMap((first) => pairProblems(first, second, classes, placeOf)),
  );
}

function meet(a: RetentionRule, b: RetentionRule, classes: readonly RecordClass[]): boolean {
  if (areDisjoint(a.where, b.where)) return false;
  if (a.appliesTo === b.appliesTo) return true;
  const [one, other] = [a, b].map((rule) => classes.find(({ id }) => id === rule.appliesTo));
  return one !== undefined && other !== undefined && sameTable(one, other);
}

function pairProblems(
  first: RetentionRule,
  second: RetentionRule,
  classes: readonly RecordClass[],
  placeOf: PlaceOf,
): Problem[] {
  const collision = collisionOf(first, second);
  if (collision !== undefined) {
    const message = `${collision} as ${first.id} (${placeOf(['rules', first.id])}), and one record may fall under both. Give them where: conditions that cannot both be true, or make them one rule.`;
    return [problemAtKey(['rules', second.id], 'RULES_COLLIDE', message)];
  }
  if (first.kind !== 'timed' || second.kind !== 'timed') return [];
  const [earlier, later] =
    STAGE[first.then.kind] < STAGE[second.then.kind] ? [first, second] : [second, first];
  const key = classes.find(({ id }) => id === later.appliesTo)?.key ?? [];
  return [...shorterStage(earlier, later), ...unreachableStage(earlier, later, key)];
}

function collisionOf(first: RetentionRule, second: RetentionRule): string | undefined {
  const kinds = [first, second].map((rule) => (rule.kind === 'timed' ? rule.then.kind : rule.kind));
  if (kinds.includes('permanent') && kinds.includes('delete')) {
    const [mine, theirs] =
      kinds[1] === 'delete' ? ['deletes', 'keeps'] : ['keeps for ever', 'deletes'];
    return `${mine} what another rule ${theirs}: the same records`;
  }
  const same = first.kind === 'timed' && second.kind === 'timed' && kinds[0] === kinds[1];
  return same ? `does the same (${kinds[0]}) at the same stage` : undefined;
}

/**
 * An error, not a warning: a record due for two stages takes the later one, so a deletion that is
 * due first makes the milder stage never happen. Almost always two numbers have changed places, and
 * the mistake destroys early.
 */
function shorterStage(earlier: TimedRule, later: TimedRule): Problem[] {
  const sameStart =
    JSON.stringify([clock(earlier), earlier.cutoff]) ===
    JSON.stringify([clock(later), later.cutoff]);
  if (!sameStart || !mayEndBefore(later.keep.atLeast, earlier.keep.atLeast)) return [];
  const message = `${later.keep.atLeast.iso} may end before ${earlier.id} is due (${earlier.keep.atLeast.iso}), which would then never ${earlier.then.kind} anything.`;
  return [problem(['rules', later.id, 'keep', 'at_least'], 'STAGE_SHORTER', message)];
}

function clock({ trigger }: TimedRule): readonly unknown[] {
  return [
    trigger.kind,
    trigger.column,
    trigger.kind === 'column' ? '' : trigger.part,
    trigger.zone,
  ];
}

/** Without what it looks at, the later stage would never come due, and nobody would be told. */
function unreachableStage(earlier: TimedRule, later: TimedRule, key: readonly string[]): Problem[] {
  const path = ['rules', later.id];
  if (later.trigger.kind !== 'column') {
    const message = `counts from parts that ${earlier.id} removes first, so it would never be due. Count from a column of the record that ${earlier.id} keeps.`;
    return [problem([...path, 'trigger', later.trigger.kind], 'STAGE_UNREACHABLE', message)];
  }
  const seen: [SchedulePath, string][] = later.where.map(({ column }) => [
    [...path, 'where', column],
    column,
  ]);
  if (later.trigger.kind === 'column') {
    seen.push([[...path, 'trigger', 'column'], later.trigger.column]);
  }
  return seen
    .filter(([, column]) => !key.includes(column) && changes(earlier, column))
    .map(([at, column]) => {
      const message = `${earlier.id} changes "${column}" first, so this rule would never be due.`;
      return problem(at, 'STAGE_UNREACHABLE', message);
    });
}

function changes({ then }: TimedRule, column: string): boolean {
  if (then.kind === 'reduce') return !then.to.includes(column);
  return then.kind === 'anonymise' && Object.hasOwn(then.columns, column);
}
