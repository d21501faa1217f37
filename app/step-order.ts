/** In which order the steps of a plan act. Pure. */
import { STAGE } from '../domain/schedule.ts';
import type { ResolvedRule } from '../stores/postgres/match-rule.ts';

/**
 * Orders rules so that no step takes away what a later one looks at:
 * - a class goes before the classes of its owned parts: a customer whose last contract was destroyed
 *   under the contracts' own rule would have no trigger any more and stay for ever;
 * - within a class later stages go first: a record due for deletion is not reduced before.
 * Otherwise the order of the file. Classes that own each other keep the order of the file too.
 */
export function orderSteps(rules: readonly ResolvedRule[]): ResolvedRule[] {
  const waiting = [...rules];
  const ordered: ResolvedRule[] = [];
  while (waiting.length > 0) {
    const free = waiting.findIndex((rule) => !waiting.some((other) => goesBefore(other, rule)));
    ordered.push(...waiting.splice(Math.max(free, 0), 1));
  }
  return ordered;
}

function goesBefore(a: ResolvedRule, b: ResolvedRule): boolean {
  if (a.aggregate === b.aggregate) return STAGE[a.rule.then.kind] > STAGE[b.rule.then.kind];
  return a.aggregate.owned.some((part) => part.table.topOid === b.aggregate.root.topOid);
}
