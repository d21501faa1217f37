/** `docs/errors.md` and the table of codes say the same, both ways. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EXIT_MEANINGS, exitCodeOf } from '../../cli/exit-codes.ts';
import { ERROR_CODES, isErrorCode, RetentionError } from '../../domain/errors.ts';
import { ROOT } from './markdown.ts';

const text = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
const sections = text.split(/^## /m).slice(1);
const documented = sections.map((section) => section.split('\n')[0] ?? '');

test('every code has exactly one section, and every section is a code', () => {
  expect([...documented].sort()).toEqual(Object.keys(ERROR_CODES).sort());
});

test.each(sections.map((section, index) => [documented[index] ?? '', section]))(
  '%s: kind and exit code are those of the program, and it says what to do',
  (code, section) => {
    if (!isErrorCode(code)) throw new Error(`${code} is no code`);
    const exit = exitCodeOf(new RetentionError(code, 'x'));
    expect(section.split('\n')[2]).toMatch(
      new RegExp(`^${ERROR_CODES[code]}, exit code ${exit}\\. \\S`),
    );
    expect(section).toMatch(/^- Likely cause: \S/m);
    expect(section).toMatch(/^- What to do: \S/m);
  },
);

test('the README lists the exit codes of the program', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const listed = [...(readme.split('## Exit codes')[1] ?? '').matchAll(/^\| (\d+) +\|/gm)];
  expect(listed.map((match) => Number(match[1]))).toEqual(EXIT_MEANINGS.map(([code]) => code));
});
