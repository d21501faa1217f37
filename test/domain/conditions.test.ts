import { describe, expect, it } from 'vitest';
import { areDisjoint, imply } from '../../domain/conditions.ts';
import { joinQualified, splitQualified } from '../../domain/identifier.ts';
import type { Condition } from '../../domain/schedule.ts';
import { nearest } from '../../domain/suggest.ts';

const is = (value: string | number | boolean): Condition => ({ column: 'a', op: 'equals', value });
const not = (value: string | number): Condition => ({ column: 'a', op: 'not', value });
const oneOf = (...values: (string | number)[]): Condition => ({ column: 'a', op: 'in', values });
const isNull: Condition = { column: 'a', op: 'is_null' };
const notNull: Condition = { column: 'a', op: 'is_not_null' };
const elsewhere: Condition = { column: 'b', op: 'equals', value: 'y' };

describe('conditions are disjoint only when that is certain', () => {
  it.each<[string, Condition, Condition, boolean]>([
    ['other values', is('x'), is('y'), true],
    ['the same value', is('x'), is('x'), false],
    ['values that may be equal to the database', is('X'), is('x '), false],
    ['a number and its text', is(1), is('1.0'), false],
    ['true and false', is(true), is(false), true],
    ['lists without a common value', oneOf('x', 'y'), oneOf('z'), true],
    ['lists with one', oneOf('x', 'y'), oneOf('y', 'z'), false],
    ['a value and its absence', is('x'), isNull, true],
    ['null and not null', isNull, notNull, true],
    ['a value and not that value', oneOf('x'), not('x'), true],
    ['a list and not one of it', oneOf('x', 'y'), not('x'), false],
    ['null and not a value', isNull, not('x'), false],
    ['other columns', is('x'), elsewhere, false],
  ])('%s', (_name, a, b, expected) => {
    expect(areDisjoint([a], [b])).toBe(expected);
    expect(areDisjoint([b, elsewhere], [a])).toBe(expected);
  });

  it('no conditions meet everything', () => {
    expect(areDisjoint([], [is('x')])).toBe(false);
  });
});

describe('conditions imply another only when that is certain', () => {
  it.each<[Condition, Condition, boolean]>([
    [is('x'), is('x'), true],
    [is('x'), oneOf('x', 'y'), true],
    [oneOf('x', 'y'), is('x'), false],
    [is('x'), not('y'), true],
    [is('x'), not('X'), false],
    [is('x'), notNull, true],
    [not('x'), notNull, false],
    [isNull, isNull, true],
    [elsewhere, is('y'), false],
  ])('%j implies %j: %s', (one, wanted, expected) => {
    expect(imply([one], wanted)).toBe(expected);
  });
});

describe('qualified names', () => {
  it.each([
    ['public.customer', ['public', 'customer']],
    ['a.b.c', ['a', 'b', 'c']],
    ['public."a.b"', ['public', 'a.b']],
    ['public."say ""no"""', ['public', 'say "no"']],
    ['public.order details', ['public', 'order details']],
    ['Public.Straße', ['Public', 'Straße']],
  ])('%s is %j and back', (text, parts) => {
    expect(splitQualified(text)).toEqual(parts);
    expect(splitQualified(joinQualified(parts))).toEqual(parts);
  });

  it.each([
    'a.',
    '.a',
    'a..b',
    'a"b.c',
    '"a.b',
    'a. b',
    `a.${'é'.repeat(32)}`,
    'a.b\u0000',
    'a.""',
  ])('refuses %j', (text) => {
    expect(splitQualified(text)).toBeUndefined();
  });
});

describe('guesses', () => {
  it.each([
    ['owenr', 'owner'],
    ['Owner', 'owner'],
    ['aplies_to', 'applies_to'],
    ['zebra', undefined],
  ])('%s was meant to be %s', (word, expected) => {
    expect(nearest(word, ['owner', 'applies_to', 'trigger'])).toBe(expected);
  });
});
