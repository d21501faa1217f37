/** Turns what zod says about a shape into findings a records manager can act on. */

import type { z } from 'zod';
import { didYouMean, nearest } from '../domain/suggest.ts';
import {
  type Problem,
  problem,
  problemAtKey,
  SCHEDULE_FINDING_CODES,
  type ScheduleFindingCode,
  type SchedulePath,
} from './schedule-finding.ts';
import {
  calendarShape,
  entryShapes,
  permanentRule,
  ruleBranch,
  scheduleShape,
  testShape,
  timedRule,
  triggerShape,
  undecidedRule,
} from './schedule-shape.ts';

type Issue = z.core.$ZodIssue;

/** The problems behind zod's issues about `value`, the whole file as plain data. */
export function problemsOf(issues: readonly Issue[], value: unknown): Problem[] {
  const problems = issues.flatMap((issue) => problemsOfIssue(issue, [], value));
  return problems.filter((one) => !problems.some((other) => explains(other, one)));
}

/** True when a key is only missing because it is misspelt: that is told once, at the misspelling. */
function explains(unknown: Problem, missing: Problem): boolean {
  return (
    unknown.code === 'KEY_UNKNOWN' &&
    missing.code === 'KEY_MISSING' &&
    unknown.key === missing.key &&
    unknown.path.slice(0, -1).join('.') === missing.path.join('.')
  );
}

function problemsOfIssue(issue: Issue, base: SchedulePath, value: unknown): Problem[] {
  const path = [...base, ...(issue.path as SchedulePath)];
  const found = valueAt(value, path);
  if (issue.code === 'custom') return [custom(issue, path)];
  if (found === undefined) return [missing(path)];
  if (found === null && issue.code !== 'invalid_key') {
    return [problem(path, 'VALUE_BLANK', 'is blank. Say what is meant, or remove the key.')];
  }
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(path, key));
    case 'invalid_union':
      return union(issue, path, found, value);
    case 'invalid_value':
      return [unknownWord(path, found, issue.values.map(String))];
    case 'invalid_key':
      return [problemAtKey(path, 'NAME_MALFORMED', nameAdvice(path))];
    case 'invalid_format':
      return [problem(path, 'NAME_MALFORMED', `${JSON.stringify(found)}: ${ID_ADVICE}`)];
    case 'too_small':
      return [problem(path, 'LIST_EMPTY', 'names nothing.')];
    case 'invalid_type':
      return [
        problem(
          path,
          'TYPE_WRONG',
          `must be ${WANTED[issue.expected] ?? issue.expected}, not ${kindOf(found)}.`,
        ),
      ];
    default:
      return [problem(path, 'VALUE_MALFORMED', `${issue.message}.`)];
  }
}

const ID_ADVICE = 'ids are lower case letters, digits and underscores, beginning with a letter.';
const WANTED: Record<string, string> = {
  string: 'text (put it in quotes if it looks like a number)',
  object: 'a mapping of keys',
  record: 'a mapping of keys',
  array: 'a list',
};

function custom(issue: z.core.$ZodIssueCustom, path: SchedulePath): Problem {
  const { code, at } = (issue.params ?? {}) as { code?: string; at?: string };
  const known = code !== undefined && code in SCHEDULE_FINDING_CODES;
  const found = known ? (code as ScheduleFindingCode) : 'VALUE_MALFORMED';
  return (at === 'key' ? problemAtKey : problem)(path, found, issue.message);
}

function missing(path: SchedulePath): Problem {
  const parent = path.slice(0, -1);
  const key = String(path.at(-1) ?? '');
  const meaning = meaningOf(parent, key);
  const message = `missing key "${key}".${meaning ? ` ${meaning}` : ''}`;
  return { ...problemAtKey(parent, 'KEY_MISSING', message), key };
}

function unknownKey(path: SchedulePath, key: string): Problem {
  const allowed = Object.keys(shapeAt(path));
  const message = `unknown key "${key}".${didYouMean(key, allowed)}`;
  return { ...problemAtKey([...path, key], 'KEY_UNKNOWN', message), key: nearest(key, allowed) };
}

function unknownWord(path: SchedulePath, found: unknown, allowed: readonly string[]): Problem {
  if (typeof found !== 'string') {
    const message = `must be ${allowed.join(', ')}, not ${kindOf(found)}.`;
    return problem(path, 'TYPE_WRONG', message);
  }
  const words = allowed.length === 1 ? `"${allowed[0]}"` : `one of ${allowed.join(', ')}`;
  const guess = allowed.length === 1 ? '' : didYouMean(found, allowed);
  return problem(path, 'VALUE_UNKNOWN', `${JSON.stringify(found)} is not ${words}.${guess}`);
}

function union(
  issue: z.core.$ZodIssueInvalidUnion,
  path: SchedulePath,
  found: unknown,
  value: unknown,
): Problem[] {
  if (path.length === 2 && path[0] === 'rules' && typeof found === 'object' && found !== null) {
    const branch = issue.errors[ruleBranch(found)] ?? [];
    return branch.flatMap((inner) => problemsOfIssue(inner, path, value));
  }
  // The branch of the right kind is the one that does not complain about the value as a whole.
  const branch = issue.errors.find((inner) => !inner.some((one) => wrongKind(one)));
  if (branch !== undefined) return branch.flatMap((inner) => problemsOfIssue(inner, path, value));
  const words = issue.errors.flat().find((one) => one.code === 'invalid_value');
  if (typeof found === 'string' && words !== undefined && words.values.length > 1) {
    return [unknownWord(path, found, words.values.map(String))];
  }
  return [problem(path, 'TYPE_WRONG', `${issue.message}, not ${kindOf(found)}.`)];
}

function wrongKind(issue: Issue): boolean {
  const kind =
    issue.code === 'invalid_type' ||
    issue.code === 'invalid_value' ||
    issue.code === 'invalid_union';
  return kind && issue.path.length === 0;
}

function nameAdvice(path: SchedulePath): string {
  const name = JSON.stringify(String(path.at(-1)));
  const isId = path.length === 2 || path.at(-2) === 'subjects';
  return isId ? `${name}: ${ID_ADVICE}` : `${name} cannot be a name in PostgreSQL.`;
}

type Shape = Readonly<Record<string, z.ZodType>>;

/** The keys a mapping at `path` may have; of a rule, those of all three kinds. */
function shapeAt(path: SchedulePath): Shape {
  const [top, , inner] = path;
  if (top === undefined) return scheduleShape.shape;
  if (top === 'tests') return testShape.shape;
  if (top === 'calendars') return calendarShape.shape;
  if (top === 'stores') return entryShapes.stores.shape;
  if (top === 'record_classes') return entryShapes.record_classes.shape;
  if (inner === undefined) {
    return { ...undecidedRule.shape, ...permanentRule.shape, ...timedRule.shape };
  }
  if (inner === 'trigger') return triggerShape.shape;
  if (inner === 'keep') return timedRule.shape.keep.shape;
  return { in: scheduleShape, is: scheduleShape, not: scheduleShape, constant: scheduleShape };
}

function meaningOf(path: SchedulePath, key: string): string | undefined {
  return Object.entries(shapeAt(path)).find(([name]) => name === key)?.[1].description;
}

function valueAt(value: unknown, path: SchedulePath): unknown {
  return path.reduce<unknown>(
    (inner, segment) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, segment)
        ? (inner as Record<string | number, unknown>)[segment]
        : undefined,
    value,
  );
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'string') return 'text';
  return typeof value === 'number' ? 'a number' : 'true or false';
}
