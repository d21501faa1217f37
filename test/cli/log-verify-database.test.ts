/** `retain log verify --database`: what it says, and with which exit code. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startingPolicy } from '../../app/ledger/key-admin.ts';
import { retain } from '../support/command-line.ts';
import { type Published, publishedSite } from '../support/compared-site.ts';
import { type LedgerSite, ledgerSite, placeHold } from '../support/ledger-site.ts';

let site: LedgerSite;
let published: Published;
let policy: string;
beforeAll(async () => {
  site = await ledgerSite();
  published = await publishedSite(site);
  await placeHold(site, 900_001);
  await site.destroySome(5);
  await published.publish();
  policy = join(published.dir, 'policy.txt');
  writeFileSync(policy, await startingPolicy(site.governed.retain));
});
afterAll(async () => {
  await published.end();
  await site.end();
});

const verify = (args: readonly string[] = [], keys: Record<string, string> = withKeys()) =>
  retain(
    [
      'log',
      'verify',
      '--dir',
      published.dir,
      '--policy',
      policy,
      '--no-save',
      '--database',
      ...args,
    ],
    { ...keys, DATABASE_URL: site.governed.url, TEST_STORE_URL: site.governed.url },
  );
const withKeys = () => ({ RETAIN_KEY_DIR: site.governed.keyDir });
const lastLine = (stdout: string): unknown => JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');

it('says that they agree when everything was compared: 0', async () => {
  const { exitCode, stdout } = await verify();
  expect(exitCode).toBe(0);
  expect(stdout).toContain('VERIFIED.\n');
  expect(stdout.endsWith('The databases say what the log says, both ways.\n')).toBe(true);
  expect(lastLine((await verify(['--json'])).stdout)).toEqual({
    database: { differences: 0, skipped: [] },
  });
});

it('never says so of what it could not compare: 1, and what that was', async () => {
  const { exitCode, stdout } = await verify([], {});
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(
    /as far as they were compared; 1 check skipped \(exit code 1\)\.\n {2}not compared: Names of people and matters: .*\n$/,
  );
  expect(stdout).not.toContain('both ways');
  const json = await verify(['--json'], {});
  expect(json.exitCode).toBe(1);
  expect(lastLine(json.stdout)).toEqual({
    database: { differences: 0, skipped: [expect.stringContaining('names key')] },
  });
});

it('names every difference: 16', async () => {
  const { sql } = site.governed;
  await sql`update retain_guard.hold set reason = 'inquiry'`;
  const { exitCode, stdout } = await verify();
  expect(exitCode).toBe(16);
  expect(stdout).toContain('The databases DIFFER from the log: 1 difference (exit code 16).\n');
  expect(stdout).toMatch(/E_DB_ROW +store:records +retain_guard\.hold +1 +reason /);
  const json = await verify(['--json'], {});
  expect(json.exitCode).toBe(16);
  expect(json.stdout).toContain('{"finding":{"code":"E_DB_ROW"');
  await sql`update retain_guard.hold set reason = 'complaint'`;
});

it('compares nothing with a log that is not verified, and says that', async () => {
  const other = await verify(['--origin', 'log.example.org/other']);
  expect(other).toMatchObject({ exitCode: 10 });
  expect(other.stderr).toMatch(/^Not compared: Everything: /);
  const json = await verify(['--origin', 'log.example.org/other', '--json']);
  expect(lastLine(json.stdout)).toEqual({
    database: { differences: 0, skipped: [expect.stringContaining('Everything')] },
  });
});
