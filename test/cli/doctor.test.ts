import { chmod } from 'node:fs/promises';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { ledgerRound } from '../../app/ledger/round.ts';
import { retain } from '../support/command-line.ts';
import { type OwnNamespace, ownNamespace } from '../support/own-namespace.ts';
import { type PublishedSite, publishedSite } from '../support/published-site.ts';

let site: PublishedSite;
let own: OwnNamespace;
let environment: Record<string, string>;

beforeAll(async () => {
  [site, own] = await Promise.all([publishedSite(), ownNamespace()]);
  environment = {
    DATABASE_URL: site.governed.url,
    TEST_STORE_URL: site.governed.url,
    RETAIN_KEY_DIR: site.governed.keyDir,
    RETAIN_LEDGER_DIR: site.dir,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_NAMESPACE: own.namespace,
  };
  await ledgerRound(site.rounds());
});
afterAll(async () => {
  await own.close();
  await site.end();
});

interface Report {
  readonly schemaVersion: number;
  readonly ok: boolean;
  readonly checks: readonly Record<string, string>[];
}

async function report(settings = environment): Promise<Report & { readonly exitCode: number }> {
  const { exitCode, stdout, stderr } = await retain(['doctor', '--json'], settings);
  expect(stderr).toBe('');
  return { exitCode, ...(JSON.parse(stdout) as Report) };
}

it('answers 0 when nothing is wrong, in a line a check: state, what, code and words', async () => {
  const { exitCode, stdout, stderr } = await retain(['doctor'], environment);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(
    /^ {2}ok {7}control database {2,}answers; schedule version 1 is in force$/,
  );
  expect(stdout).toMatch(
    /^ {2}warning {2}Temporal {2,}WORKER_UNAVAILABLE {2}answers; no worker has kept the ledger yet/m,
  );
  const { checks } = await report();
  expect(lines).toHaveLength(checks.length);
});

it('says the same as JSON, a code only where there is one', async () => {
  const { exitCode, schemaVersion, ok, checks } = await report();
  expect({ exitCode, schemaVersion, ok }).toEqual({ exitCode: 0, schemaVersion: 1, ok: true });
  expect(checks).toContainEqual({
    what: 'control database',
    state: 'ok',
    message: 'answers; schedule version 1 is in force',
  });
  expect(checks).toContainEqual({
    what: 'Temporal',
    state: 'warning',
    code: 'WORKER_UNAVAILABLE',
    message: 'answers; no worker has kept the ledger yet. Run: retain worker',
  });
});

it('answers 6 for one error, also when the databases or Temporal cannot be reached', async () => {
  await chmod(site.governed.keyDir, 0o755);
  const exposed = await report();
  await chmod(site.governed.keyDir, 0o700);
  expect(exposed).toMatchObject({ exitCode: 6, ok: false });
  expect(exposed.checks).toContainEqual(
    expect.objectContaining({ what: 'epoch keys', state: 'error', code: 'EPOCH_KEY_EXPOSED' }),
  );
  const nowhere = {
    ...environment,
    DATABASE_URL: 'postgres://retain@127.0.0.1:1/retain',
    TEMPORAL_ADDRESS: '127.0.0.1:1',
  };
  const { exitCode, ok, checks } = await report(nowhere);
  expect({ exitCode, ok }).toEqual({ exitCode: 6, ok: false });
  expect(checks.map(({ what, state, code }) => [what, state, code])).toEqual([
    ['control database', 'error', 'STORE_UNAVAILABLE'],
    ['Temporal', 'error', 'TEMPORAL_UNAVAILABLE'],
    ['epoch keys', 'ok', undefined],
  ]);
});
