/** `docs/schedule-file.md` names every key of the file and every finding code, and no other. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SCHEDULE_FINDING_CODES } from '../../config/schedule-finding.ts';
import { isErrorCode } from '../../domain/errors.ts';
import { ROOT } from './markdown.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const page = read('docs/schedule-file.md');
const [, ofTheFile = '', ofTheDatabase = ''] = page.split(/^Of the (?:file|live database):$/m);
const codesIn = (table: string): string[] =>
  [...table.matchAll(/^\| `([A-Z0-9_]+)` +\|/gm)].map((match) => match[1] ?? '').sort();

/** Codes that the layer with the live database can give, as they stand in its sources. */
function codesOfReality(): string[] {
  const sources = ['stores/postgres', 'app']
    .flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`))
    .filter((path) => path.endsWith('.ts'))
    .map(read)
    .filter((text) => /\b(RealityFinding|Problem)\b/.test(text));
  const codes = sources.flatMap((text) =>
    [...text.matchAll(/'([A-Z]+(?:_[A-Z]+)+)'/g)].map((match) => match[1] ?? ''),
  );
  return [...new Set(codes)].filter((code) => !isErrorCode(code)).sort();
}

test('every finding code of the file is explained, and no other', () => {
  expect(codesIn(ofTheFile)).toEqual(Object.keys(SCHEDULE_FINDING_CODES).sort());
});

test('every finding code of the live database is explained, and no other', () => {
  expect(codesOfReality().length).toBeGreaterThan(20);
  expect(codesIn(ofTheDatabase)).toEqual(codesOfReality());
});

test('every key of the file is described', () => {
  const schema = JSON.parse(read('config/schedule.schema.json')) as unknown;
  const keys = new Set<string>();
  collectKeys(schema, keys);
  expect(keys.size).toBeGreaterThan(30);
  const described = [...page.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '').join(' ');
  const words = new Set(described.match(/[a-z_]+/g));
  expect([...keys].filter((key) => !words.has(key))).toEqual([]);
});

/** Names under every `properties` of a JSON Schema. */
function collectKeys(node: unknown, keys: Set<string>): void {
  if (typeof node !== 'object' || node === null) return;
  const entries: [string, unknown][] = Object.entries(node);
  for (const [name, value] of entries) {
    if (name === 'properties' && typeof value === 'object' && value !== null) {
      for (const key of Object.keys(value)) keys.add(key);
    }
    collectKeys(value, keys);
  }
}
