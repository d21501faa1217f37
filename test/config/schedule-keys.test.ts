import { describe, expect, it } from 'vitest';
import { isMap, isScalar, parseDocument } from 'yaml';
import { edited, fits, keysOf, lineOf, linesWith, type Path, samePath } from './schedule-text.ts';
import { findingsOf, VALID } from './valid-schedule.ts';

/** Keys that may be left out. Everything else that is removed is an error. */
const OPTIONAL = [
  'calendars.scheme_year',
  'stores.*.epoch_keys_kept_for',
  'record_classes.*.subjects',
  'record_classes.*.subjects.*',
  'record_classes.*.references',
  'record_classes.*.references.*',
  'record_classes.*.freeze',
  'rules.*',
  'rules.special_requirements_6_years.where',
  'rules.*.where.*',
  'rules.*.columns.*',
  'rules.*.cutoff',
  'rules.*.keep.at_most',
  'rules.*.trigger.zone',
  'tests',
];

/** Names the user chooses: another is as good until something refers to the old one. */
const FREE_NAMES = OPTIONAL.slice(0, 1).concat(
  'record_classes.*.subjects.*',
  'record_classes.*.references.*',
  'rules.*',
  'rules.*.where.*',
  'rules.*.columns.*',
);

/** Of these, the ones that tests of the file need, or that keep two rules apart. */
const NEEDED = [
  'rules.customer_6_years',
  'rules.special_requirements_6_years',
  'rules.special_requirements_6_years.cutoff',
  'rules.suppression_2_years.where.suppressed',
  'rules.unsubscribed.where.suppressed',
];

const KEYS = keysOf(VALID).map(({ path, line }) => ({ name: path.join('.'), path, line }));
const isOptional = ({ path }: { path: Path }) => fits(path, OPTIONAL) && !fits(path, NEEDED);
const isFreeName = ({ path }: { path: Path }) => fits(path, FREE_NAMES) && !fits(path, NEEDED);

describe('every single key of a valid schedule', () => {
  it('is looked at: the fixture has all of them', () => {
    expect(KEYS.length).toBeGreaterThan(150);
    expect(OPTIONAL.filter((pattern) => !KEYS.some(({ path }) => fits(path, [pattern])))).toEqual(
      [],
    );
  });

  it.each(KEYS.filter((key) => !isOptional(key)))('removed is an error: $name', ({ path }) => {
    const text = edited(VALID, path, (map, index) => void map.items.splice(index, 1));
    expectErrorAt(text, [lineOf(text, path.slice(0, -1)), ...linesThatNeed(text, path)]);
  });

  it.each(KEYS.filter(isOptional))('may be left out: $name', ({ path }) => {
    const text = edited(VALID, path, (map, index) => void map.items.splice(index, 1));
    // A mapping that lost its only name is empty, which may be an error of its own.
    expect(errorsOf(text).filter(({ code }) => code !== 'LIST_EMPTY')).toEqual([]);
  });

  it.each(KEYS.filter((key) => !isFreeName(key)))('misspelt is an error: $name', ({ path }) => {
    const misspelt = [...path.slice(0, -1), `${String(path.at(-1))}x`];
    const text = edited(VALID, path, (map, index) => {
      const key = map.items[index]?.key;
      if (isScalar(key)) key.value = misspelt.at(-1);
    });
    expectErrorAt(text, [lineOf(text, misspelt), ...linesThatNeed(text, path)]);
  });

  it.each(KEYS)('of a wrong type is an error: $name', ({ path, line }) => {
    for (const value of wrongValues(path)) {
      const text = edited(VALID, path, (map, index, document) => {
        const node = document.createNode(value, { flow: true });
        const pair = map.items[index];
        if (pair !== undefined) pair.value = node;
      });
      // A long value goes to the next line.
      expectErrorAt(text, [line, line + 1], JSON.stringify(value));
    }
  });

  it.each(KEYS)('doubled is an error at the second: $name', ({ path }) => {
    const text = edited(VALID, path, (map, index) => {
      const pair = map.items[index];
      if (pair !== undefined) map.items.splice(index + 1, 0, pair.clone());
    });
    const second = keysOf(text).filter((key) => samePath(key.path, path))[1];
    expect(errorsOf(text).map(({ code, line }) => ({ code, line }))).toEqual([
      { code: 'KEY_DOUBLED', line: second?.line },
    ]);
  });
});

/** Values that no key of this place accepts, a blank among them. */
function wrongValues(path: Path): unknown[] {
  const isMapping = isMap(parseDocument(VALID).getIn(path));
  const anyScalar = fits(path, [
    'rules.*.where.*',
    'rules.*.where.*.not',
    'rules.*.columns.*.constant',
  ]);
  const nullable = fits(path, ['rules.*.columns.*', 'rules.*.where.*.is']);
  return [
    [[1]],
    ...(fits(path, ['rules.*.where']) ? [] : [{ surely: { not: 'this' } }]),
    ...(anyScalar ? [] : [4711, false]),
    ...(nullable ? [] : [null]),
    ...(isMapping && !anyScalar ? ['a word'] : []),
  ];
}

/** Where the absence of a key is told, when not at the mapping that lacks it. */
function linesThatNeed(text: string, path: Path): number[] {
  const [top, id, key] = path.map(String);
  // Names: wherever they are still used.
  if (path.length === 2 && id !== undefined) return linesWith(text, id);
  if (top === 'calendars' && id === undefined) return linesWith(text, 'cutoff');
  if (key === 'note') return linesWith(text, 'public.mailing');
  if (key === 'at_once') return linesWith(text, 'P0D');
  if (key === 'where') return [lineOf(text, ['rules', 'suppression_2_years'])];
  if (key === 'cutoff') return linesWith(text, 'destroyable_from');
  return [];
}

function errorsOf(text: string) {
  return findingsOf(text).filter(({ severity }) => severity === 'error');
}

function expectErrorAt(text: string, lines: number[], hint = ''): void {
  const found = errorsOf(text).map(({ line }) => line);
  expect(found.length, hint).toBeGreaterThan(0);
  expect(lines, `${hint}: errors at lines ${found.join(', ')}`).toContain(
    found.find((line) => lines.includes(line)) ?? found[0],
  );
}
