import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { readEnv } from '../../config/env.ts';
import {
  type FindTemporalServerOptions,
  findTemporalServer,
} from '../../embedded/temporal-server-binary.ts';
import { runFolder } from '../support/run-folder.ts';

const folder = runFolder('embedded-temporal-server');
const bin = join(folder, 'bin');
const cached = join(folder, 'cache', 'retain', 'temporal-server-1.31.2');
const server = join(cached, 'temporal-server');
const sqlTool = join(cached, 'temporal-sql-tool');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  for (const path of [bin, cached]) mkdirSync(path, { recursive: true });
});

function program(path: string): void {
  writeFileSync(path, '#!/bin/sh\n');
  chmodSync(path, 0o755);
}

type Build = NonNullable<FindTemporalServerOptions['build']>;

const find = (build: Build) =>
  findTemporalServer({
    env: readEnv({ PATH: bin, XDG_CACHE_HOME: join(folder, 'cache') }),
    version: '1.31.2',
    onProgress: () => undefined,
    build,
  });

const unused: Build = () => Promise.reject(new Error('there is no need to build'));

test('without Go there is one error that says so', async () => {
  const error = await find(unused).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'TEMPORAL_NOT_FOUND' });
  expect(String(error)).toMatch(/server 1\.31\.2.*not there.*Go is not on the PATH.*Install Go/s);
});

test('a build that fails says why', async () => {
  program(join(bin, 'go'));
  const broken: Build = () => Promise.reject(new Error('go.mod requires go >= 1.26.4'));
  await expect(find(broken)).rejects.toMatchObject({
    code: 'TEMPORAL_NOT_FOUND',
    message: expect.stringContaining('requires go >= 1.26.4'),
  });
});

test('both programs are built once, however many ask', async () => {
  program(join(bin, 'go'));
  let builds = 0;
  const build: Build = async (_, { packages }, target) => {
    builds += 1;
    for (const name of Object.keys(packages)) program(join(target, name));
  };
  const found = await Promise.all([find(build), find(build)]);
  expect(found).toEqual([
    { server, sqlTool },
    { server, sqlTool },
  ]);
  expect(builds).toBe(1);
  expect(await find(unused)).toEqual({ server, sqlTool });
});

test('a cache that lacks one of the two is not taken for complete', async () => {
  program(server);
  await expect(find(unused)).rejects.toMatchObject({ code: 'TEMPORAL_NOT_FOUND' });
});
