import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DATABASE_FINDING_CODES } from '../../app/ledger/compare/findings.ts';
import { FINDING_CODES } from '../../ledger/verify/findings.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/auditor.md'), 'utf8');

type Findings = Readonly<Record<string, { readonly exit: number; readonly means: string }>>;

test.each<[string, Findings, RegExp]>([
  ['of a log', FINDING_CODES, /^\| `(E_(?!DB_)[A-Z]+)` +\| (\d+) +\| (.*?) +\|$/gm],
  ['of the databases', DATABASE_FINDING_CODES, /^\| `(E_DB_[A-Z]+)` +\| (\d+) +\| (.*?) +\|$/gm],
])(
  'the page for auditors has every code of a finding %s, with its exit code and meaning',
  (_, all, row) => {
    const rows = [...PAGE.matchAll(row)];
    const documented = rows.map(([, code, exit, means]) => [code, Number(exit), means]);
    const codes = Object.entries(all).map(([code, { exit, means }]) => [code, exit, means]);
    expect(documented).toEqual(codes);
  },
);
