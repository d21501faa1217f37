/** The two ways of getting a `temporal` program that is not on this machine yet. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { toolEnvironment } from '../config/env.ts';

/** The last version that `go install` accepts: later ones have a `replace` in their go.mod. */
export const TEMPORAL_CLI_VERSION = '1.5.1';
const GO_PACKAGE = `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI_VERSION}`;

const PROGRESS_EVERY_MS = 10_000;
const DOWNLOAD_TIMEOUT_MS = 120_000;

/** Receives one line at a time for a person who waits. */
export type Progress = (line: string) => void;

/**
 * Builds the program with Go and moves it to `target` in one step. Rejects with the compiler's last
 * words when it fails; nothing is then left at `target`.
 */
export async function buildWithGo(go: string, target: string, onProgress: Progress): Promise<void> {
  await intoPlace(target, async (scratch) => {
    onProgress(
      `Building the Temporal CLI ${TEMPORAL_CLI_VERSION} with Go. This happens once and takes ` +
        'about four minutes on two cores.',
    );
    await runGo(go, scratch, onProgress);
    return join(scratch, 'temporal');
  });
}

/** Lets the Temporal SDK download its own copy and moves it to `target`. Rejects when it cannot. */
export async function downloadWithSdk(target: string, onProgress: Progress): Promise<void> {
  await intoPlace(target, async (scratch) => {
    onProgress('Letting the Temporal SDK download a development server.');
    const { TestWorkflowEnvironment } = await import('@temporalio/testing');
    const server = await withTimeout(
      TestWorkflowEnvironment.createLocal({
        server: { executable: { type: 'cached-download', downloadDir: scratch } },
      }),
    );
    await server.teardown();
    const [program] = readdirSync(scratch);
    if (program === undefined) throw new Error('the download left no program');
    return join(scratch, program);
  });
}

async function intoPlace(
  target: string,
  make: (scratch: string) => Promise<string>,
): Promise<void> {
  mkdirSync(dirname(target), { recursive: true });
  const scratch = mkdtempSync(`${dirname(target)}.`);
  try {
    renameSync(await make(scratch), target);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function runGo(go: string, binDir: string, onProgress: Progress): Promise<void> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const build = spawn(go, ['install', '-v', GO_PACKAGE], {
      cwd: binDir,
      env: toolEnvironment({ GOBIN: binDir, GOFLAGS: '' }),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let packages = 0;
    let lastLines: string[] = [];
    build.stderr.setEncoding('utf8').on('data', (text: string) => {
      const lines = text.split('\n').filter((line) => line !== '');
      packages += lines.length;
      lastLines = [...lastLines, ...lines].slice(-5);
    });
    const ticker = setInterval(() => {
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      onProgress(`  ${seconds} s, ${packages} steps, now ${lastLines.at(-1) ?? 'starting'}`);
    }, PROGRESS_EVERY_MS);
    build.once('error', reject);
    build.once('close', (code) => {
      clearInterval(ticker);
      if (code === 0) resolve();
      else reject(new Error(`go install failed: ${lastLines.join(' | ')}`));
    });
  });
}

async function withTimeout<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer in ${DOWNLOAD_TIMEOUT_MS / 1000} s`)),
      DOWNLOAD_TIMEOUT_MS,
    );
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}
