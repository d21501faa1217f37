/** What can be proved about `where:` conditions without looking at any record. */

import type { Condition, Scalar } from './schedule.ts';

/**
 * True when no record can meet both lists: some column would have to hold two different values.
 * False means "not proved": values that only might be equal in the database count as equal.
 */
export function areDisjoint(a: readonly Condition[], b: readonly Condition[]): boolean {
  return a.some((one) => b.some((other) => one.column === other.column && contradict(one, other)));
}

/** True when every record that meets `conditions` is certain to meet `wanted` too. */
export function imply(conditions: readonly Condition[], wanted: Condition): boolean {
  return conditions.some((one) => one.column === wanted.column && implies(one, wanted));
}

/** A condition for people: `status in refused, withdrawn`. */
export function conditionInWords(condition: Condition): string {
  switch (condition.op) {
    case 'equals':
      return `${condition.column} is ${String(condition.value)}`;
    case 'not':
      return `${condition.column} is not ${String(condition.value)}`;
    case 'in':
      return `${condition.column} in ${condition.values.map(String).join(', ')}`;
    case 'is_null':
      return `${condition.column} is null`;
    case 'is_not_null':
      return `${condition.column} is not null`;
  }
}

function contradict(a: Condition, b: Condition): boolean {
  const [left, right] = [valuesOf(a), valuesOf(b)];
  if (left !== undefined && right !== undefined) {
    return left.every((value) => right.every((other) => differ(value, other)));
  }
  if (a.op === 'is_null') return right !== undefined || b.op === 'is_not_null';
  if (b.op === 'is_null') return left !== undefined || a.op === 'is_not_null';
  if (a.op === 'not') return right?.every((value) => value === a.value) ?? false;
  if (b.op === 'not') return left?.every((value) => value === b.value) ?? false;
  return false;
}

function implies(one: Condition, wanted: Condition): boolean {
  const values = valuesOf(one);
  switch (wanted.op) {
    case 'equals':
    case 'in': {
      const allowed = valuesOf(wanted) ?? [];
      return values?.every((value) => allowed.includes(value)) ?? false;
    }
    case 'not':
      if (one.op === 'not') return one.value === wanted.value;
      return values?.every((value) => differ(value, wanted.value)) ?? false;
    case 'is_null':
      return one.op === 'is_null';
    case 'is_not_null':
      return one.op === 'is_not_null' || values !== undefined;
  }
}

function valuesOf(condition: Condition): readonly Scalar[] | undefined {
  if (condition.op === 'equals') return [condition.value];
  return condition.op === 'in' ? condition.values : undefined;
}

/** Surely different in any column type: collations may ignore case, numbers may be written as text. */
function differ(a: Scalar, b: Scalar): boolean {
  return plain(a) !== plain(b);
}

function plain(value: Scalar): string {
  const text = String(value).trim().toLowerCase();
  return text !== '' && Number.isFinite(Number(text)) ? String(Number(text)) : text;
}
