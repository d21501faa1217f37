import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, inject, test } from 'vitest';
import { retainEnvironment } from '../../embedded/retain-process.ts';
import '../support/provided.ts';
import { createDatabase } from '../support/database.ts';
import { waitFor } from '../support/wait.ts';

const PROGRAM = fileURLToPath(new URL('../../embedded/up.ts', import.meta.url));
const SETUP_MS = 120_000;

test(
  'npm run up starts a worker, prints what to export, and ends with Ctrl-C',
  async () => {
    const database = await createDatabase();
    const child = spawn(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), PROGRAM, 'SHOP_DATABASE_URL'],
      {
        env: retainEnvironment({
          DATABASE_URL: database.url,
          SHOP_DATABASE_URL: database.url,
          TEMPORAL_ADDRESS: inject('temporalAddress'),
          TEMPORAL_NAMESPACE: inject('temporalNamespace'),
        }),
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
      });
    }
    const ended = once(child, 'close');
    await waitFor(() => printed.includes('Ctrl-C stops') || child.exitCode !== null, {
      what: 'everything to run',
      timeoutMs: SETUP_MS,
    });
    expect(printed).toContain(`export DATABASE_URL='${database.url}'`);
    expect(printed).toContain(`export SHOP_DATABASE_URL='${database.url}'`);
    expect(printed).toMatch(/export TEMPORAL_ADDRESS='\S+:\d+'/);
    child.kill('SIGINT');
    await ended;
    expect(child.exitCode).toBe(0);
    await database.drop();
  },
  SETUP_MS + 30_000,
);
