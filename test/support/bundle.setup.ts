/**
 * Global setup: the workflows bundled once. Bundling is the slowest step of the suite, so the bundle is
 * kept under the digest of everything that goes into it and made again only when that changes.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { TestProject } from 'vitest/node';
import './provided.ts';
import { keptFile } from './run-folder.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ENTRY = join(ROOT, 'workflows', 'index.ts');

export async function setup(project: TestProject): Promise<void> {
  project.provide('workflowBundlePath', existsSync(ENTRY) ? await bundle() : '');
}

async function bundle(): Promise<string> {
  const { path, exists } = keptFile(`workflow-bundle-${sourcesDigest()}.js`);
  if (exists) return path;
  const { code } = await bundleWorkflowCode({ workflowsPath: ENTRY, logger: quiet });
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, code);
  renameSync(unfinished, path);
  return path;
}

/** Everything a workflow may import, and the packages it may come from. */
function sourcesDigest(): string {
  const folders = ['workflows', 'domain', 'activities'];
  const sources = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  );
  const hash = createHash('sha256');
  for (const file of [...sources.sort(), 'package-lock.json']) {
    hash
      .update(`${file}\n`)
      .update(readFileSync(join(ROOT, file)))
      .update('\n');
  }
  return hash.digest('hex').slice(0, 16);
}

const silent = (): void => undefined;
const complain = (message: string): void => void process.stderr.write(`${message}\n`);
const quiet = {
  log: (level: string, message: string) => (level === 'ERROR' ? complain(message) : silent()),
  trace: silent,
  debug: silent,
  info: silent,
  warn: complain,
  error: complain,
};
