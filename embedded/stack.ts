/** Both servers at once: ours, or those that the environment names. */
import { join } from 'node:path';
import type { Env } from '../config/env.ts';
import { temporalConnectConfig } from '../config/env.ts';
import { type EmbeddedPostgres, startPostgres } from './postgres.ts';
import type { Progress } from './program-cache.ts';
import { type EmbeddedTemporal, startTemporal } from './temporal.ts';
import { findTemporal } from './temporal-binary.ts';

export interface StackOptions {
  readonly env: Env;
  /** Where the servers keep their data, such as `.retain/demo`. */
  readonly dir: string;
  readonly onProgress: Progress;
  /** False when only PostgreSQL is needed. */
  readonly temporal?: boolean;
  /** PostgreSQL settings of an embedded server. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface Stack {
  /** An administrator's URL: of the embedded server's database `postgres`, or `DATABASE_URL`. */
  readonly databaseUrl: string;
  /** The embedded servers; missing where the environment named one. */
  readonly postgres?: EmbeddedPostgres;
  readonly temporalServer?: EmbeddedTemporal;
  /** Where Temporal answers; missing when it was not asked for. */
  readonly temporal?: { readonly address: string; readonly namespace: string };
  /** Stops what was started here, and nothing else. */
  readonly stop: () => Promise<void>;
  /** Leaves what was started here running after this process has ended. */
  readonly release: () => void;
}

/** The namespace of the embedded server, and of any server when `TEMPORAL_NAMESPACE` is not set. */
export const DEFAULT_NAMESPACE = 'retain';

/**
 * Starts what `DATABASE_URL` and `TEMPORAL_ADDRESS` do not name. When one server cannot be started
 * the other is stopped before the error is thrown.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { env, onProgress } = options;
  const location = options.temporal === false ? undefined : await findTemporal({ env, onProgress });
  const postgres =
    env.databaseUrl === undefined
      ? await startPostgres({
          dataDir: join(options.dir, 'postgres'),
          ...(options.settings && { settings: options.settings }),
        })
      : undefined;
  try {
    const temporalServer =
      location?.kind === 'binary'
        ? await startTemporal({
            binary: location.path,
            namespace: DEFAULT_NAMESPACE,
            dbFile: join(options.dir, 'temporal', 'state.db'),
            logFile: join(options.dir, 'temporal', 'temporal.log'),
          })
        : undefined;
    const existing =
      location?.kind === 'server'
        ? {
            address: location.address,
            namespace: temporalConnectConfig().namespace ?? DEFAULT_NAMESPACE,
          }
        : undefined;
    return assemble(env.databaseUrl ?? postgres?.url ?? '', postgres, temporalServer, existing);
  } catch (error) {
    await postgres?.stop();
    throw error;
  }
}

function assemble(
  databaseUrl: string,
  postgres: EmbeddedPostgres | undefined,
  temporalServer: EmbeddedTemporal | undefined,
  existing: { address: string; namespace: string } | undefined,
): Stack {
  const temporal = temporalServer ?? existing;
  return {
    databaseUrl,
    ...(postgres && { postgres }),
    ...(temporalServer && { temporalServer }),
    ...(temporal && { temporal: { address: temporal.address, namespace: temporal.namespace } }),
    async stop() {
      await Promise.all([postgres?.stop(), temporalServer?.stop()]);
    },
    release() {
      postgres?.release();
      temporalServer?.release();
    },
  };
}
