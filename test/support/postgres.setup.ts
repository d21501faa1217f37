/** Global setup: one private PostgreSQL for all test files of a project. */
import { rmSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import { readEnv } from '../../config/env.ts';
import { FAST_SETTINGS, startPostgres } from '../../embedded/postgres.ts';
import './provided.ts';
import { runFolder } from './run-folder.ts';

export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const { databaseUrl } = readEnv();
  if (databaseUrl !== undefined) {
    project.provide('postgresAdminUrl', databaseUrl);
    return undefined;
  }
  const folder = runFolder(`${project.name}-postgres`);
  const server = await startPostgres({ dataDir: folder, settings: FAST_SETTINGS });
  project.provide('postgresAdminUrl', server.url);
  return async () => {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  };
}
