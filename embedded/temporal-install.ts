/** The ways of getting programs of Temporal that are not on this machine yet. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { toolEnvironment } from '../config/env.ts';
import type { Progress } from './program-cache.ts';

/** The last version that `go install` accepts: later ones have a `replace` in their go.mod. */
export const TEMPORAL_CLI_VERSION = '1.5.1';

/** Programs that one `go install` builds. */
export interface GoPrograms {
  /** For a person who waits: `the Temporal CLI 1.5.1`. */
  readonly what: string;
  /** What `go install` is given, by the name that its program gets. */
  readonly packages: Readonly<Record<string, string>>;
}

const TEMPORAL_CLI: GoPrograms = {
  what: `the Temporal CLI ${TEMPORAL_CLI_VERSION}`,
  packages: { temporal: `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI_VERSION}` },
};

const PROGRESS_EVERY_MS = 10_000;
const DOWNLOAD_TIMEOUT_MS = 120_000;

/** Builds the Temporal CLI and moves it to `target`, as `buildWithGo` does. */
export async function buildCliWithGo(
  go: string,
  target: string,
  onProgress: Progress,
): Promise<void> {
  await buildWithGo(go, TEMPORAL_CLI, dirname(target), onProgress);
}

/**
 * Builds programs and moves each to `folder`, complete. Rejects with the compiler's last words when it
 * fails; nothing of them is then left there.
 */
export async function buildWithGo(
  go: string,
  { what, packages }: GoPrograms,
  folder: string,
  onProgress: Progress,
): Promise<void> {
  await intoPlace(folder, async (scratch) => {
    onProgress(
      `Building ${what} with Go. This happens once and takes about four minutes on two cores.`,
    );
    await runGo(go, Object.values(packages), scratch, onProgress);
    const built = Object.entries(packages).map(([name, path]): [string, string] => [
      name,
      join(scratch, basename(path).replace(/@.*$/, '')),
    ]);
    return Object.fromEntries(built);
  });
}

/** Lets the Temporal SDK download its own copy and moves it to `target`. Rejects when it cannot. */
export async function downloadWithSdk(target: string, onProgress: Progress): Promise<void> {
  await intoPlace(dirname(target), async (scratch) => {
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
    return { [basename(target)]: join(scratch, program) };
  });
}

/** `make` leaves programs in a scratch folder and answers where, by their final names. */
async function intoPlace(
  folder: string,
  make: (scratch: string) => Promise<Readonly<Record<string, string>>>,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const scratch = mkdtempSync(`${folder}.`);
  try {
    const made = await make(scratch);
    for (const [name, path] of Object.entries(made)) renameSync(path, join(folder, name));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function runGo(
  go: string,
  packages: readonly string[],
  binDir: string,
  onProgress: Progress,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const build = spawn(go, ['install', '-v', ...packages], {
      cwd: binDir,
      env: toolEnvironment({ GOBIN: binDir, GOFLAGS: '' }),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let steps = 0;
    let lastLines: string[] = [];
    build.stderr.setEncoding('utf8').on('data', (text: string) => {
      const lines = text.split('\n').filter((line) => line !== '');
      steps += lines.length;
      lastLines = [...lastLines, ...lines].slice(-5);
    });
    const ticker = setInterval(() => {
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      onProgress(`  ${seconds} s, ${steps} steps, now ${lastLines.at(-1) ?? 'starting'}`);
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
