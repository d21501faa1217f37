import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { readEnv } from '../../config/env.ts';
import { SEARCH_ATTRIBUTES, startTemporal } from '../../embedded/temporal.ts';
import { findTemporal, type TemporalLocation } from '../../embedded/temporal-binary.ts';
import { runFolder } from '../support/run-folder.ts';

const folder = runFolder('embedded-temporal');
const bin = join(folder, 'bin');
const cache = join(folder, 'cache');
const calls: string[] = [];
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  calls.length = 0;
  for (const path of [bin, cache]) rmSync(path, { recursive: true, force: true });
  mkdirSync(bin, { recursive: true });
});

function program(path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '#!/bin/sh\n');
  chmodSync(path, 0o755);
  return path;
}

const fails = (what: string) => async () => {
  calls.push(what);
  throw new Error(`${what} is broken`);
};
const makes =
  (what: string) =>
  async (...args: string[]) => {
    calls.push(what);
    program(args[what === 'build' ? 1 : 0] ?? '');
  };

function find(
  source: Record<string, string>,
  install: { build?: unknown; download?: unknown } = {},
): Promise<TemporalLocation> {
  const replaced = { build: fails('build'), download: fails('download'), ...install } as never;
  return findTemporal({
    env: readEnv({ PATH: bin, XDG_CACHE_HOME: cache, ...source }),
    onProgress: (line) => calls.push(line),
    install: replaced,
  });
}

test('TEMPORAL_ADDRESS comes before everything else', async () => {
  program(join(bin, 'temporal'));
  const found = await find({ TEMPORAL_ADDRESS: 'temporal.example:7233', TEMPORAL_CLI_PATH: '/x' });
  expect(found).toEqual({ kind: 'server', address: 'temporal.example:7233' });
});

test('TEMPORAL_CLI_PATH comes before the PATH, and must name a program', async () => {
  program(join(bin, 'temporal'));
  const mine = program(join(folder, 'mine', 'temporal'));
  expect(await find({ TEMPORAL_CLI_PATH: mine })).toMatchObject({ origin: 'TEMPORAL_CLI_PATH' });
  await expect(find({ TEMPORAL_CLI_PATH: folder })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
});

test('the PATH comes before the cache, the cache before Go', async () => {
  const cached = program(join(cache, 'retain', 'temporal-1.5.1', 'temporal'));
  program(join(bin, 'go'));
  expect(await find({})).toEqual({ kind: 'binary', path: cached, origin: 'cache' });
  const onPath = program(join(bin, 'temporal'));
  expect(await find({})).toEqual({ kind: 'binary', path: onPath, origin: 'PATH' });
});

test('Go is used when it is there, and the download when Go fails or is missing', async () => {
  program(join(bin, 'go'));
  const built = await find({}, { build: makes('build') });
  expect(built).toMatchObject({ origin: 'go install' });
  rmSync(cache, { recursive: true });
  const afterFailure = await find({}, { download: makes('download') });
  expect(afterFailure).toMatchObject({ origin: 'download' });
  expect(calls).toEqual(['build', 'build', 'download']);
  rmSync(cache, { recursive: true });
  rmSync(join(bin, 'go'));
  await find({}, { download: makes('download') });
  expect(calls).toEqual(['build', 'build', 'download', 'download']);
});

test('when all five fail there is one error that lists them with their reasons', async () => {
  program(join(bin, 'go'));
  const error = await find({}).then(
    () => undefined,
    (reason: Error & { code: string }) => reason,
  );
  expect(error?.code).toBe('TEMPORAL_NOT_FOUND');
  for (const part of ['TEMPORAL_ADDRESS', 'TEMPORAL_CLI_PATH', 'cache', 'go install', 'download']) {
    expect(error?.message).toContain(part);
  }
  expect(error?.message).toContain('build is broken');
  expect(error?.message).toContain('download is broken');
});

test('two searches at once build once', async () => {
  program(join(bin, 'go'));
  const both = await Promise.all([
    find({}, { build: makes('build') }),
    find({}, { build: makes('build') }),
  ]);
  expect(new Set(both.map((found) => found.kind === 'binary' && found.path)).size).toBe(1);
  expect(calls.filter((call) => call === 'build')).toHaveLength(1);
  expect(readdirSync(join(cache, 'retain'))).toEqual(['temporal-1.5.1']);
});

test('the lock of a process that has died is taken over', async () => {
  program(join(bin, 'go'));
  const lock = join(cache, 'retain', 'temporal-1.5.1.lock');
  mkdirSync(dirname(lock), { recursive: true });
  writeFileSync(lock, '4194305'); // above the largest process id there can be
  expect(await find({}, { build: makes('build') })).toMatchObject({ origin: 'go install' });
  expect(existsSync(lock)).toBe(false);
});

test('a killed server comes back on its port with its workflows and search attributes', async ({
  skip,
}) => {
  const location = await findTemporal({ env: readEnv(), onProgress: () => undefined });
  if (location.kind === 'server') return skip('TEMPORAL_ADDRESS names a server that is not ours');
  const options = { binary: location.path, namespace: 'probe', dbFile: join(folder, 'state.db') };
  const first = await startTemporal(options);
  await withClient(first.address, (client) =>
    client.workflow.start('waitsForAWorker', { taskQueue: 'nobody', workflowId: 'survivor' }),
  );
  await first.kill('SIGKILL');
  const second = await startTemporal({ ...options, port: first.port });
  expect(second.address).toBe(first.address);
  await withClient(second.address, async (client) => {
    const description = await client.workflow.getHandle('survivor').describe();
    expect(description.status.name).toBe('RUNNING');
    const attributes = await client.connection.operatorService.listSearchAttributes({
      namespace: 'probe',
    });
    expect(Object.keys(attributes.customAttributes)).toEqual(
      expect.arrayContaining([...SEARCH_ATTRIBUTES]),
    );
  });
  await second.stop();
});

async function withClient<T>(address: string, work: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await work(new Client({ connection, namespace: 'probe' }));
  } finally {
    await connection.close();
  }
}
