/** `retain keys`: what a person sees who replaces and ends keys. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { logVkey } from '../../app/ledger/begin.ts';
import { fileLedgerKeys } from '../../app/ledger-keys.ts';
import { closingTable, deleteAfter, scheduleText } from '../stores/small-schedule.ts';
import { retain } from '../support/command-line.ts';
import { type Governed, governedDatabase, ORIGIN } from '../support/governed.ts';

let governed: Governed;
beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) => sql.unsafe(closingTable('folder')),
    schedule: scheduleText({
      classes: { folder: { table: 'public.folder' } },
      rules: { folder_rule: deleteAfter('folder', 'closed_on') },
    }),
  });
});
afterAll(() => governed.end());

const keys = (...args: readonly string[]) =>
  retain(['keys', ...args], {
    DATABASE_URL: governed.url,
    TEST_STORE_URL: governed.url,
    RETAIN_KEY_DIR: governed.keyDir,
  });
const inFolder = () => fileLedgerKeys(governed.keyDir);
const states = async () =>
  (await keys('list')).stdout
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s{2,}/))
    .filter(([, role]) => role === 'worker' || role === 'log')
    .map(([name, , state]) => [name, state]);

it('a worker key is rotated and the old one revoked, each with the words for what comes next', async () => {
  const old = await inFolder().worker();
  const rotated = await keys('rotate');
  const { name } = await inFolder().worker();
  expect(rotated).toMatchObject({ exitCode: 0, stdout: `The new worker key is ${name}.\n` });
  expect(rotated.stderr).toContain('from their next batch on');
  expect(await keys('revoke', name)).toMatchObject({ exitCode: 64 });
  expect(await keys('revoke', old.name)).toMatchObject({ exitCode: 0 });
  expect(await states()).toContainEqual([old.name, 'revoked']);
  expect(await states()).toContainEqual([name, 'active']);
  expect((await keys('revoke', old.name)).stderr).toContain('no valid worker or log key');
});

it('a log key is rotated with --role log: the policy has both until the old one is revoked', async () => {
  const [old] = await inFolder().log();
  const { exitCode, stdout } = await keys('rotate', '--role', 'log', '--json');
  const [next] = await inFolder().log();
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ role: 'log', key: next.name });
  const [newLine, oldLine] = [next, old].map((key) => `log ${logVkey(ORIGIN, key)}\n`);
  expect((await keys('policy')).stdout).toBe(`${newLine}${oldLine}quorum none\n`);
  expect((await keys('rotate', '--role', 'log')).stderr).toContain(
    `retain keys revoke ${old.name}`,
  );
  expect(await keys('revoke', old.name)).toMatchObject({ exitCode: 0 });
  expect((await keys('policy')).stdout).toBe(`${newLine}quorum none\n`);
  expect(await states()).toContainEqual([old.name, 'revoked']);
});

it('other roles are none: the admin key and the names key are not rotated', async () => {
  for (const role of ['admin', 'names']) {
    expect(await keys('rotate', '--role', role)).toMatchObject({ exitCode: 64 });
  }
});
