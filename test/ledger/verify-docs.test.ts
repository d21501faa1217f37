import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FINDING_CODES } from '../../ledger/verify/findings.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/auditor.md'), 'utf8');

test('the page for auditors has every code of a finding, with its exit code and meaning', () => {
  const rows = [...PAGE.matchAll(/^\| `(E_[A-Z]+)` +\| (\d+) +\| (.*?) +\|$/gm)];
  const documented = rows.map(([, code, exit, means]) => [code, Number(exit), means]);
  const codes = Object.entries(FINDING_CODES).map(([code, { exit, means }]) => [code, exit, means]);
  expect(documented).toEqual(codes);
});
