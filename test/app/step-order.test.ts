import fc from 'fast-check';
import { expect, it } from 'vitest';
import { orderSteps } from '../../app/step-order.ts';
import type { ResolvedRule } from '../../stores/postgres/match-rule.ts';

type Kind = 'delete' | 'anonymise' | 'reduce';

function aggregate(topOid: number, owns: readonly number[]) {
  return { root: { topOid }, owned: owns.map((oid) => ({ table: { topOid: oid } })) };
}

function rule(
  id: string,
  place: ReturnType<typeof aggregate>,
  kind: Kind = 'delete',
): ResolvedRule {
  // Only what the order looks at; a whole catalogue would hide it.
  return { rule: { id, then: { kind } }, aggregate: place } as unknown as ResolvedRule;
}

const names = (rules: readonly ResolvedRule[]) => rules.map(({ rule: { id } }) => id);

it('lets a class act before the classes of its parts, whatever the order of the file', () => {
  const customer = aggregate(1, [2]);
  const contract = aggregate(2, []);
  expect(names(orderSteps([rule('contracts', contract), rule('customers', customer)]))).toEqual([
    'customers',
    'contracts',
  ]);
});

it('lets later stages of a class act first', () => {
  const complaint = aggregate(1, []);
  const stages = [
    rule('reduce', complaint, 'reduce'),
    rule('anonymise', complaint, 'anonymise'),
    rule('delete', complaint),
  ];
  expect(names(orderSteps(stages))).toEqual(['delete', 'anonymise', 'reduce']);
});

it('keeps the order of the file otherwise, and never loses or repeats a rule, even where classes own each other', () => {
  expect(names(orderSteps([rule('b', aggregate(1, [])), rule('a', aggregate(2, []))]))).toEqual([
    'b',
    'a',
  ]);
  const oid = fc.integer({ min: 1, max: 5 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(oid, fc.array(oid, { maxLength: 3 })), { maxLength: 8 }),
      (shapes) => {
        const rules = shapes.map(([top, owns], index) => rule(`r${index}`, aggregate(top, owns)));
        expect(names(orderSteps(rules)).sort()).toEqual(names(rules).sort());
      },
    ),
  );
});
