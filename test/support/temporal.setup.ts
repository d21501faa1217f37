/** Global setup: one Temporal development server, its state in memory, for all test files. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { readEnv, temporalConnectConfig } from '../../config/env.ts';
import { DEFAULT_NAMESPACE } from '../../embedded/stack.ts';
import { startTemporal } from '../../embedded/temporal.ts';
import { findTemporal } from '../../embedded/temporal-binary.ts';
import './provided.ts';
import { runFolder } from './run-folder.ts';

export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const onProgress = (line: string): void => void process.stderr.write(`${line}\n`);
  const location = await findTemporal({ env: readEnv(), onProgress });
  if (location.kind === 'server') {
    project.provide('temporalAddress', location.address);
    project.provide('temporalNamespace', temporalConnectConfig().namespace ?? DEFAULT_NAMESPACE);
    return undefined;
  }
  const folder = runFolder(`${project.name}-temporal`);
  const server = await startTemporal({
    binary: location.path,
    namespace: DEFAULT_NAMESPACE,
    logFile: join(folder, 'temporal.log'),
  });
  project.provide('temporalAddress', server.address);
  project.provide('temporalNamespace', server.namespace);
  return async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
}
