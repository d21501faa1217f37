/** What the images of Temporal have on their PATH, as programs of this machine. */
import type { Env } from '../../config/env.ts';
import type { Progress } from '../../embedded/program-cache.ts';
import { findTemporal } from '../../embedded/temporal-binary.ts';
import { findTemporalServer } from '../../embedded/temporal-server-binary.ts';
import { parseCompose } from './compose-file.ts';

/**
 * Names and absolute paths, in the version that `docker-compose.yml` names. The `temporal` command is the
 * one of the development server, which may be older. Throws `TEMPORAL_NOT_FOUND` with what is missing.
 */
export async function findTemporalPrograms(
  env: Env,
  onProgress: Progress,
): Promise<Record<string, string>> {
  const version = /^temporalio\/server:(.+)$/.exec(
    parseCompose().services['temporal']?.image ?? '',
  );
  const { server, sqlTool } = await findTemporalServer({
    ...{ env, onProgress, version: version?.[1] ?? '' },
  });
  // A server that runs already has no program to give.
  const cli = await findTemporal({ env: { ...env, temporalAddress: undefined }, onProgress });
  if (cli.kind !== 'binary') throw new TypeError('a program was asked for');
  return { 'temporal-server': server, 'temporal-sql-tool': sqlTool, temporal: cli.path };
}
