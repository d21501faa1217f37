/** Finds a Temporal to work with: five places, in one order, none skipped silently. */
import { join } from 'node:path';
import type { Env } from '../config/env.ts';
import { RetentionError } from '../domain/errors.ts';
import { findProgram, inCache, isProgram, type Progress } from './program-cache.ts';
import { buildCliWithGo, downloadWithSdk, TEMPORAL_CLI_VERSION } from './temporal-install.ts';

/** A server that runs already, or a program to start one with. */
export type TemporalLocation =
  | { readonly kind: 'server'; readonly address: string }
  | { readonly kind: 'binary'; readonly path: string; readonly origin: BinaryOrigin };

export type BinaryOrigin = 'TEMPORAL_CLI_PATH' | 'PATH' | 'cache' | 'go install' | 'download';

export interface FindTemporalOptions {
  readonly env: Env;
  readonly onProgress: Progress;
  /** How the program is obtained; replaced in tests. */
  readonly install?: {
    readonly build: typeof buildCliWithGo;
    readonly download: typeof downloadWithSdk;
  };
}

/**
 * Looks, in this order, at `TEMPORAL_ADDRESS`, at `TEMPORAL_CLI_PATH` and the PATH, into our cache, at
 * Go (builds the program once into the cache, one process at a time) and at the SDK's own download.
 *
 * Throws `TEMPORAL_NOT_FOUND` with what was tried and why it failed; `CONFIG_INVALID` when
 * `TEMPORAL_CLI_PATH` names something that cannot be run.
 */
export async function findTemporal(options: FindTemporalOptions): Promise<TemporalLocation> {
  const { env } = options;
  if (env.temporalAddress !== undefined) return { kind: 'server', address: env.temporalAddress };
  if (env.temporalCliPath !== undefined) {
    if (!isProgram(env.temporalCliPath)) {
      throw new RetentionError('CONFIG_INVALID', 'TEMPORAL_CLI_PATH does not name a program.');
    }
    return { kind: 'binary', path: env.temporalCliPath, origin: 'TEMPORAL_CLI_PATH' };
  }
  const onPath = findProgram(env.searchPath, 'temporal');
  if (onPath !== undefined) return { kind: 'binary', path: onPath, origin: 'PATH' };
  const folder = join(env.cacheDir, `temporal-${TEMPORAL_CLI_VERSION}`);
  const path = join(folder, 'temporal');
  const origin = await inCache(
    { folder, programs: ['temporal'], what: 'the Temporal CLI' },
    () => install(path, options),
    options.onProgress,
  );
  return { kind: 'binary', path, origin };
}

async function install(target: string, options: FindTemporalOptions): Promise<BinaryOrigin> {
  const { env, onProgress } = options;
  const how = options.install ?? { build: buildCliWithGo, download: downloadWithSdk };
  const go = findProgram(env.searchPath, 'go');
  const failures: unknown[] = [];
  if (go !== undefined) {
    try {
      await how.build(go, target, onProgress);
      return 'go install';
    } catch (error) {
      failures.push(error);
    }
  }
  try {
    await how.download(target, onProgress);
    return 'download';
  } catch (error) {
    failures.push(error);
  }
  const reasons = failures.map((error) => (error instanceof Error ? error.message : 'failed'));
  throw notFound(target, go === undefined ? ['Go is not on the PATH', ...reasons] : reasons);
}

function notFound(target: string, [goReason = '', downloadReason = '']: string[]): RetentionError {
  return new RetentionError(
    'TEMPORAL_NOT_FOUND',
    [
      'There is no Temporal server to work with. Tried, in this order:',
      '  1. TEMPORAL_ADDRESS (a server that runs already): not set',
      '  2. TEMPORAL_CLI_PATH, or temporal on the PATH: neither',
      `  3. the cache (${target}): empty`,
      `  4. go install of the Temporal CLI ${TEMPORAL_CLI_VERSION}: ${goReason}`,
      `  5. the download of the Temporal SDK: ${downloadReason}`,
      'Provide any one of them and start again.',
    ].join('\n'),
  );
}
