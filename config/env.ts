/**
 * The only reader of `process.env`. Connection settings of Temporal (`TEMPORAL_ADDRESS`,
 * `TEMPORAL_NAMESPACE`, `TEMPORAL_TLS_*`, …) are read by the SDK's own `envconfig`, so that they mean
 * here what they mean to every other Temporal tool.
 */
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';
import { z } from 'zod';
import { RetentionError } from '../domain/errors.ts';

/** Environment variables by name; an unset one is `undefined`. */
export type EnvSource = Readonly<Record<string, string | undefined>>;

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What the environment says, checked once and frozen. Paths are absolute. */
export interface Env {
  /** The control database, and by default the governed one as well. */
  readonly databaseUrl: string | undefined;
  /** A Temporal server to use instead of starting one; `host:port`. */
  readonly temporalAddress: string | undefined;
  /** A `temporal` binary to start the development server with. */
  readonly temporalCliPath: string | undefined;
  /** Where the epoch keys are: outside every database. */
  readonly keyDir: string | undefined;
  /** Where the ledger is published as static files. */
  readonly ledgerDir: string | undefined;
  /** A bucket for the same files: its endpoint, its name and where the files begin in it. */
  readonly ledgerBucket: string | undefined;
  /** For so many days nobody can remove what is written into the bucket. */
  readonly ledgerLockDays: number | undefined;
  /** The policy file: which log, which witnesses, how many of them. */
  readonly ledgerPolicy: string | undefined;
  /** A timestamping authority (RFC 3161) for checkpoints. */
  readonly tsaUrl: string | undefined;
  readonly logLevel: LogLevel;
  /** This user's cache for things that are slow to make and safe to delete. */
  readonly cacheDir: string;
  /** The folders in which programs are looked for. */
  readonly searchPath: readonly string[];
  /** Looks one variable up for an `env:NAME` reference; never printed with the rest. */
  readonly variable: (name: string) => string | undefined;
}

const POSTGRES_URL = /^postgres(?:ql)?:\/\/\S+$/;

const filled = z.string().regex(/\S/, 'is set but blank: give it a value, or unset it');
const absolutePath = filled.refine(
  isAbsolute,
  'must be an absolute path, such as /etc/retain/keys',
);
const postgresUrl = filled.regex(POSTGRES_URL, {
  message: 'must be a PostgreSQL URL, such as postgres://user:password@host:5432/database',
  abort: true,
});
const bucketUrl = filled.regex(
  /^https?:\/\/[^/\s]+\/[^/\s]+(?:\/[^\s]*)?$/,
  'must be endpoint, bucket and folder, such as https://s3.eu-west-2.amazonaws.com/bucket/folder',
);
const days = filled
  .regex(/^[1-9]\d{0,4}$/, 'must be a whole number of days, such as 3650')
  .transform(Number);
const httpUrl = filled.regex(/^https?:\/\/\S+$/, 'must be an http or https URL');
const address = filled.regex(/^\S+:\d+$/, 'must be host:port, such as 127.0.0.1:7233');

/** Every `RETAIN_*` variable there is, and the others we read ourselves. */
const variables = z.object({
  DATABASE_URL: postgresUrl.optional(),
  TEMPORAL_ADDRESS: address.optional(),
  TEMPORAL_CLI_PATH: absolutePath.optional(),
  RETAIN_KEY_DIR: absolutePath.optional(),
  RETAIN_LEDGER_DIR: absolutePath.optional(),
  RETAIN_LEDGER_BUCKET: bucketUrl.optional(),
  RETAIN_LEDGER_LOCK_DAYS: days.optional(),
  RETAIN_LEDGER_POLICY: absolutePath.optional(),
  RETAIN_TSA_URL: httpUrl.optional(),
  RETAIN_LOG_LEVEL: z
    .enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` })
    .default('info'),
});

/** The names `readEnv` knows: `docker-compose.yml` is checked against them. */
export const ENV_NAMES: readonly string[] = Object.keys(variables.shape);

/**
 * Reads and checks the environment. Throws `CONFIG_INVALID` with every problem at once, naming the
 * variables and never their values; an unknown `RETAIN_*` name is a problem, since a misspelt
 * setting that is silently ignored is a setting nobody made.
 */
export function readEnv(source: EnvSource = process.env): Env {
  const problems = unknownNames(source).map((name) => `${name} is not a setting of Retain`);
  const parsed = variables.safeParse(source);
  if (!parsed.success) {
    for (const issue of parsed.error.issues)
      problems.push(`${String(issue.path[0])} ${issue.message}`);
  }
  if (!parsed.success || problems.length > 0) {
    throw new RetentionError(
      'CONFIG_INVALID',
      `The environment is wrong: ${problems.join('; ')}.`,
      {
        problems: problems.length,
      },
    );
  }
  const { data } = parsed;
  return Object.freeze({
    databaseUrl: data.DATABASE_URL,
    temporalAddress: data.TEMPORAL_ADDRESS,
    temporalCliPath: data.TEMPORAL_CLI_PATH,
    keyDir: data.RETAIN_KEY_DIR,
    ledgerDir: data.RETAIN_LEDGER_DIR,
    ledgerBucket: data.RETAIN_LEDGER_BUCKET,
    ledgerLockDays: data.RETAIN_LEDGER_LOCK_DAYS,
    ledgerPolicy: data.RETAIN_LEDGER_POLICY,
    tsaUrl: data.RETAIN_TSA_URL,
    logLevel: data.RETAIN_LOG_LEVEL,
    cacheDir: cacheFolder(source),
    searchPath: Object.freeze((source['PATH'] ?? '').split(delimiter).filter(isAbsolute)),
    variable: (name: string) => source[name],
  });
}

/**
 * The PostgreSQL URL behind a schedule's `env:NAME` (or plain `NAME`). Throws `CONFIG_INVALID` when
 * the variable is unset, blank or not a PostgreSQL URL; the message names the variable, not its value.
 */
export function storeUrl(env: Env, reference: string): string {
  const name = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)$/.exec(reference)?.[1];
  if (name === undefined) {
    throw new RetentionError(
      'CONFIG_INVALID',
      'A store connection must be env:NAME, where NAME is an environment variable.',
    );
  }
  const value = env.variable(name);
  if (value === undefined || value.trim() === '') {
    throw new RetentionError(
      'CONFIG_INVALID',
      `The environment variable ${name} is ${value === undefined ? 'not set' : 'blank'}: ` +
        'set it to the URL of the store, postgres://user:password@host:5432/database.',
      { variable: name },
    );
  }
  if (!POSTGRES_URL.test(value) || !URL.canParse(value)) {
    throw new RetentionError(
      'CONFIG_INVALID',
      `The environment variable ${name} is not a PostgreSQL URL: ` +
        'write postgres://user:password@host:5432/database.',
      { variable: name },
    );
  }
  return value;
}

/**
 * How to reach Temporal, from `TEMPORAL_*` variables and the profile file, unknown keys refused.
 * Throws `CONFIG_INVALID`.
 */
export function temporalConnectConfig(source: EnvSource = process.env): ClientConnectConfig {
  const overrideEnvVars = Object.fromEntries(
    Object.entries(source).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  try {
    return loadClientConnectConfig({ configFileStrict: true, overrideEnvVars });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unreadable';
    throw new RetentionError(
      'CONFIG_INVALID',
      `The Temporal connection settings are wrong: ${reason}`,
      {},
      cause,
    );
  }
}

/** The environment for a tool we start on the user's behalf, such as the Go compiler. */
export function toolEnvironment(
  overrides: Readonly<Record<string, string>>,
): Record<string, string | undefined> {
  return { ...process.env, ...overrides };
}

function unknownNames(source: EnvSource): string[] {
  return Object.keys(source).filter(
    (name) => name.startsWith('RETAIN_') && !ENV_NAMES.includes(name),
  );
}

/**
 * Where programs of this user keep what they must not forget (XDG Base Directory specification); relative
 * settings are ignored. Looks at nothing else, so that it works in an environment that is wrong.
 */
export function stateFolder(source: EnvSource = process.env): string {
  const base = source['XDG_STATE_HOME'] ?? '';
  const home = source['HOME'] ?? homedir();
  return join(isAbsolute(base) ? base : join(home, '.local', 'state'), 'retain');
}

/** A relative `XDG_CACHE_HOME` is ignored, as the XDG Base Directory specification asks. */
function cacheFolder(source: EnvSource): string {
  const base = source['XDG_CACHE_HOME'] ?? '';
  const home = source['HOME'] ?? homedir();
  return join(isAbsolute(base) ? base : join(home, '.cache'), 'retain');
}
