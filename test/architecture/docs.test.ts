/** What the documents say can be followed: links, scripts, commands and options exist. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeProgram } from '../../cli/program.ts';
import { brokenLinks, pages, ROOT, unknownCommands, unknownScripts } from './markdown.ts';

const program = makeProgram(() => Promise.resolve());
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const documents = pages();
const named = documents.map((page) => [page.path, page] as const);

/** Folders of somebody's machine, and hosts that packages come from. */
const FOREIGN =
  /(?:^|[\s`("'=])\/(?:tmp|work|root|home|Users|mnt)\/|\bregistry\.[a-z]|npmjs\.(?:org|com)|\bproxy\.golang\.org|127\.0\.0\.1:4873/m;

test('the documents that a reader starts with are there', () => {
  const paths = documents.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'],
      ...['docs/glossary.md', 'docs/errors.md', 'docs/getting-started.md', 'docs/operations.md'],
    ]),
  );
});

test.each(named)('every link of %s leads to a file and a heading of the project', (_, page) => {
  expect(brokenLinks(page)).toEqual([]);
});

test.each(named)('%s names only scripts of package.json', (_, { text }) => {
  expect(unknownScripts(text, scripts)).toEqual([]);
});

test.each(named)('%s names only commands and options that retain has', (_, { text }) => {
  expect(unknownCommands(text, program)).toEqual([]);
});

test.each(named)('%s names no folder of a machine and no package registry', (_, { text }) => {
  expect(FOREIGN.exec(text)?.[0]).toBeUndefined();
});

test('every decision is listed', () => {
  const list = documents.find(({ path }) => path === 'docs/adr/README.md')?.text ?? '';
  const decisions = documents.flatMap(({ path }) => /^docs\/adr\/(\d.*)$/.exec(path)?.[1] ?? []);
  expect(decisions.filter((name) => !list.includes(`(${name})`))).toEqual([]);
});

// Twins: without these, a check that looks at nothing would pass.
test('a wrong link, heading, script, command or option is found', () => {
  const wrong = (text: string) => ({ path: 'README.md', text });
  expect(brokenLinks(wrong('[a](docs/nothing.md) [b](README.md)'))).toEqual(['docs/nothing.md']);
  expect(brokenLinks(wrong('[a](docs/errors.md#nothing)'))).toEqual(['docs/errors.md#nothing']);
  expect(brokenLinks(wrong('[a](../elsewhere.md)'))).toEqual(['../elsewhere.md']);
  expect(unknownScripts('`npm run tset` and `npm test`', scripts)).toEqual(['tset']);
  const calls = '`retain run plan` `retain run plna` `retain rnu` `retain run plan --al x`';
  expect(unknownCommands(calls, program)).toEqual(['run plna', 'rnu', 'run plan --al x']);
  expect(FOREIGN.test('see /tmp/x')).toBe(true);
});
