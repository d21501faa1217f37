import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, inject, test } from 'vitest';
import { bundleWorkflows } from '../../worker/bundle.ts';
import '../support/provided.ts';
import { runFolder } from '../support/run-folder.ts';

const folder = runFolder('bundle');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function modulesOf(code: string): string[] {
  return [...code.matchAll(/^\/\*{3}\/ "([^"]+)"/gm)].map((match) => match[1] ?? '');
}

/** An entry file in a folder as deep below the root as the workflows' own folder is not. */
function entryThat(name: string, imports: string): string {
  const path = join(folder, `${name}.ts`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, `${imports}\nexport async function purgeRun() { return String(used); }\n`);
  return path;
}

test('the bundle holds our workflows, a little of the domain and the SDK, and nothing else', () => {
  const modules = modulesOf(readFileSync(inject('workflowBundlePath'), 'utf8'));
  const ours = modules.filter((path) => path.startsWith('./') && !path.includes('node_modules'));
  expect(ours).toContain('./workflows/purge-run.ts');
  for (const path of ours) {
    expect(path).toMatch(
      /^\.\/(workflows\/|domain\/(disposal|errors|retry)\.|activities\/contract\.)/,
    );
  }
  const packages = modules.flatMap(
    (path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [],
  );
  expect([...new Set(packages)].sort()).toEqual([
    '@temporalio/common',
    '@temporalio/workflow',
    'long',
    'ms',
    'nexus-rpc',
  ]);
});

test.each([
  ['Node', 'node:fs', `import { readFileSync as used } from 'node:fs';`],
  ['luxon', 'luxon', `import { DateTime as used } from 'luxon';`],
  [
    'the calendar, through a module of the domain',
    'calendar',
    `import * as used from '../../domain/eligibility.ts';`,
  ],
])('a workflow that imports %s cannot be bundled', async (_, named, imports) => {
  const entry = entryThat(named.replace(':', '-'), imports);
  await expect(bundleWorkflows(entry)).rejects.toThrow(new RegExp(named));
});

test('twin: a workflow that imports pure words of the domain can', async () => {
  const entry = entryThat('pure', `import { NO_COUNTS as used } from '../../domain/disposal.ts';`);
  expect(modulesOf(await bundleWorkflows(entry))).toContain('./domain/disposal.ts');
});
