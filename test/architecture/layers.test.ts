/** The folder rules bite: each forbidden import of the fixture is found, types included. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import {
  cruise,
  type ICruiseOptions,
  type ICruiseResult,
  type IFlattenedRuleSet,
} from 'dependency-cruiser';
import { beforeAll, expect, test } from 'vitest';

const FIXTURES = fileURLToPath(new URL('./fixtures', import.meta.url));

const rules = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as {
  forbidden: NonNullable<IFlattenedRuleSet['forbidden']>;
  options: ICruiseOptions;
};

let violations: string[] = [];
let files: string[] = [];

beforeAll(async () => {
  const { output } = await cruise(['.'], {
    ...rules.options,
    baseDir: FIXTURES,
    validate: true,
    ruleSet: { forbidden: rules.forbidden },
  });
  const { summary, modules } = output as ICruiseResult;
  violations = summary.violations.map(({ rule, from }) => `${from}: ${rule.name}`);
  files = modules.map(({ source }) => source);
});

test.each([
  ['domain/reads-a-file.ts', 'domain-imports-only-what-it-may'],
  ['domain/knows-zones.ts', 'luxon-only-in-the-calendar'],
  ['domain/knows-a-type.ts', 'domain-imports-only-what-it-may'],
  ['ledger/dials.ts', 'ledger-imports-only-what-it-may'],
  ['workflows/reaches-zones.ts', 'workflows-never-reach-node-or-zones'],
  ['workflows/uses-node.ts', 'workflows-never-reach-node-or-zones'],
  ['workflows/knows-an-activity.ts', 'workflows-imports-only-what-it-may'],
  ['activities/slice.ts', 'activities-imports-only-what-it-may'],
  ['stores/knows-temporal.ts', 'stores-imports-only-what-it-may'],
  ['db/knows-a-store.ts', 'db-imports-only-what-it-may'],
  ['config/knows-the-database.ts', 'config-imports-only-what-it-may'],
  ['app/starts-servers.ts', 'nobody-imports-the-surfaces'],
  ['embedded/knows-the-app.ts', 'embedded-is-for-itself'],
  ['cli/knows-the-tables.ts', 'cli-imports-only-what-it-may'],
  ['cli/first.ts', 'no-cycles'],
  ['cli/lost.ts', 'everything-resolves'],
])('%s breaks %s', (file, rule) => {
  expect(violations).toContain(`${file}: ${rule}`);
});

test('every rule has a fixture that breaks it, so none can fall asleep', () => {
  const broken = new Set(violations.map((violation) => violation.split(': ')[1]));
  expect(rules.forbidden.map((rule) => rule.name).filter((name) => !broken.has(name))).toEqual([]);
});

test('an allowed import is not a violation', () => {
  for (const innocent of ['domain/calendar.ts', 'domain/innocent.ts', 'ledger/leaf.ts']) {
    expect(files).toContain(innocent);
    expect(violations.filter((violation) => violation.startsWith(`${innocent}:`))).toEqual([]);
  }
});
