/** Whoever checks a certificate needs nothing of Retain that knows a database. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from '../architecture/markdown.ts';
import { certificateSamples } from '../support/certificate-samples.ts';

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'retain-offline-'));
  for (const folder of ['cli', 'config', 'domain', 'ledger']) {
    cpSync(join(ROOT, folder), join(dir, folder), { recursive: true });
  }
  cpSync(join(ROOT, 'package.json'), join(dir, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('a certificate verifies in a folder that has neither app nor db nor stores', async () => {
  const samples = await certificateSamples();
  writeFileSync(join(dir, 'record.json'), samples.sign(samples.record));
  writeFileSync(join(dir, 'policy.txt'), samples.policyText);
  const args = ['cli/main.ts', 'cert', 'verify', 'record.json', '--policy', 'policy.txt'];
  const tsx = join(dir, 'node_modules/.bin/tsx');
  const { stdout } = await promisify(execFile)(tsx, args, { cwd: dir });
  expect(stdout).toContain('PROVEN by the ledger');
  expect(['app', 'db', 'stores'].filter((folder) => existsSync(join(dir, folder)))).toEqual([]);
});
