/** The Temporal server of the production images, and the tool that makes its tables, as programs. */
import { join } from 'node:path';
import type { Env } from '../config/env.ts';
import { RetentionError } from '../domain/errors.ts';
import { findProgram, inCache, type Progress } from './program-cache.ts';
import { buildWithGo, type GoPrograms } from './temporal-install.ts';

/** Absolute paths. */
export interface TemporalServerPrograms {
  /** `temporal-server` of the image `temporalio/server`. */
  readonly server: string;
  /** `temporal-sql-tool` of the image `temporalio/admin-tools`. */
  readonly sqlTool: string;
}

export interface FindTemporalServerOptions {
  readonly env: Env;
  /** The tag of the images, such as `1.31.2`. */
  readonly version: string;
  readonly onProgress: Progress;
  /** How the programs are built; replaced in tests. */
  readonly build?: typeof buildWithGo;
}

/**
 * Exactly this version, from our cache, or built by Go into it (once, one process at a time). Nothing on
 * the PATH is taken: it could be another version.
 *
 * Throws `TEMPORAL_NOT_FOUND` with what is missing.
 */
export async function findTemporalServer(
  options: FindTemporalServerOptions,
): Promise<TemporalServerPrograms> {
  const { env, version, onProgress } = options;
  const folder = join(env.cacheDir, `temporal-server-${version}`);
  const wanted = goPrograms(version);
  const names = Object.keys(wanted.packages);
  await inCache(
    { folder, programs: names, what: wanted.what },
    () => build(wanted, folder, options),
    onProgress,
  );
  return { server: join(folder, 'temporal-server'), sqlTool: join(folder, 'temporal-sql-tool') };
}

function goPrograms(version: string): GoPrograms {
  return {
    what: `the Temporal server ${version}`,
    packages: {
      'temporal-server': `go.temporal.io/server/cmd/server@v${version}`,
      'temporal-sql-tool': `go.temporal.io/server/cmd/tools/sql@v${version}`,
    },
  };
}

async function build(
  wanted: GoPrograms,
  folder: string,
  { env, onProgress, build: how = buildWithGo }: FindTemporalServerOptions,
): Promise<void> {
  const go = findProgram(env.searchPath, 'go');
  if (go === undefined) throw notFound(wanted, folder, 'Go is not on the PATH');
  try {
    await how(go, wanted, folder, onProgress);
  } catch (error) {
    throw notFound(wanted, folder, error instanceof Error ? error.message : 'Go failed');
  }
}

function notFound({ what }: GoPrograms, folder: string, reason: string): RetentionError {
  return new RetentionError(
    'TEMPORAL_NOT_FOUND',
    [
      `There is no program of ${what}. Tried, in this order:`,
      `  1. the cache (${folder}): not there`,
      `  2. go install: ${reason}`,
      'Install Go (1.26.4 or later) and start again.',
    ].join('\n'),
  );
}
