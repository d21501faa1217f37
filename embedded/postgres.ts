/** A private PostgreSQL 18 for development and tests: loopback only, its data in one folder. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { RetentionError } from '../domain/errors.ts';
import { type ManagedProcess, startProcess } from './managed-process.ts';
import { freePorts } from './ports.ts';
import {
  canUse,
  findPostgres,
  type PostgresBinaries,
  type SystemUser,
  serverUser,
} from './postgres-binaries.ts';
import { untilReady } from './ready.ts';

export interface PostgresOptions {
  /** Everything about this server is kept here; made when missing, used again when not. */
  readonly dataDir: string;
  /** A free one is chosen when missing. */
  readonly port?: number;
  /** Server settings by name. The defaults are durable; tests may trade that for speed. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  /** Superuser URL of the database `postgres`. */
  readonly url: string;
  readonly port: number;
  /** Process id of the postmaster. */
  readonly pid: number;
  /** Superuser URL of any database of this server. */
  readonly adminUrl: (database: string) => string;
  /** Ends every session, stops the server and waits. */
  readonly stop: () => Promise<void>;
  /** Sends a signal to the postmaster and waits until it has ended; start again with the same folder. */
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
  /** Lets the server outlive this process. */
  readonly release: () => void;
  /** Stops the server and deletes its data. */
  readonly remove: () => Promise<void>;
}

const MAJOR_VERSION = '18';
const START_TIMEOUT_MS = 60_000;
const SUPERUSER = 'postgres';
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' } as const;

/** What makes a throw-away server fast: nothing survives a power cut. For tests and demonstrations. */
export const FAST_SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
};

/**
 * Starts the server and resolves when it answers a query. The superuser is `postgres` with a random
 * password that is kept in `dataDir`. Whatever ends this process ends the server as well, unless it
 * was released. Throws `STORE_UNAVAILABLE` or `CONFIG_INVALID`.
 */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const user = serverUser();
  const binaries = findPostgres(user);
  mkdirSync(options.dataDir, { recursive: true });
  const password = keptPassword(options.dataDir);
  const cluster = clusterFolder(options.dataDir, user);
  await initialise(binaries, cluster, password, user);
  const logFile = join(options.dataDir, 'postgres.log');
  const port = options.port ?? (await freePorts(1))[0] ?? 0;
  const adminUrl = (database: string): string =>
    `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  const server = await startProcess({
    what: 'The embedded PostgreSQL',
    command: binaries.postgres,
    args: ['-D', cluster, ...settingFlags(port, options.settings ?? {})],
    env: ENVIRONMENT,
    logFile,
    stopSignal: 'SIGINT', // "fast" shutdown: sessions are ended, nothing is lost
    user,
  });
  await untilReady({
    what: 'The embedded PostgreSQL',
    process: server,
    logFile,
    timeoutMs: START_TIMEOUT_MS,
    connect: () => answers(adminUrl('postgres')),
  });
  return handle(options.dataDir, cluster, port, adminUrl, server);
}

function handle(
  dataDir: string,
  cluster: string,
  port: number,
  adminUrl: (database: string) => string,
  server: ManagedProcess,
): EmbeddedPostgres {
  return {
    url: adminUrl('postgres'),
    port,
    pid: server.pid,
    adminUrl,
    stop: server.stop,
    kill: server.kill,
    release: server.release,
    async remove() {
      await server.stop();
      for (const folder of [cluster, dataDir]) rmSync(folder, { recursive: true, force: true });
    },
  };
}

function settingFlags(port: number, settings: Readonly<Record<string, string>>): string[] {
  const all: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...settings,
  };
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function answers(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => undefined });
  try {
    await sql`select 1`;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function keptPassword(dataDir: string): string {
  const file = join(dataDir, 'password');
  if (!existsSync(file)) {
    writeFileSync(file, randomBytes(18).toString('base64url'), { mode: 0o600, flag: 'wx' });
  }
  return readFileSync(file, 'utf8');
}

/**
 * The folder of the cluster: `dataDir/cluster`, or, when we are root and the server's user cannot get
 * there, a private folder among the temporary files, whose name is kept in `dataDir/location`.
 */
function clusterFolder(dataDir: string, user: SystemUser | undefined): string {
  const pointer = join(dataDir, 'location');
  if (existsSync(pointer)) {
    const elsewhere = readFileSync(pointer, 'utf8');
    if (existsSync(elsewhere)) return elsewhere;
  }
  const folder = join(dataDir, 'cluster');
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
  if (user === undefined) return folder;
  chownSync(folder, user.uid, user.gid);
  if (canUse(folder, 'w', user)) return folder;
  rmSync(folder, { recursive: true });
  const elsewhere = mkdtempSync(join(tmpdir(), 'retain-cluster-'));
  chownSync(elsewhere, user.uid, user.gid);
  writeFileSync(pointer, elsewhere);
  return elsewhere;
}

/** Makes the cluster unless it is there; one that was not finished is made again. */
async function initialise(
  binaries: PostgresBinaries,
  cluster: string,
  password: string,
  user: SystemUser | undefined,
): Promise<void> {
  const finished = join(cluster, 'retain-initialised');
  const versionFile = join(cluster, 'PG_VERSION');
  if (existsSync(finished)) {
    const version = readFileSync(versionFile, 'utf8').trim();
    if (version === MAJOR_VERSION) return;
    throw new RetentionError(
      'SERVER_UNSUPPORTED',
      `${cluster} was made by PostgreSQL ${version}; this is ${MAJOR_VERSION}. Move it away.`,
    );
  }
  for (const entry of readdirSync(cluster)) rmSync(join(cluster, entry), { recursive: true });
  await initdb(binaries, cluster, password, user);
  writeFileSync(finished, '');
}

/** C collation and UTF-8 from PostgreSQL itself: the machine's locales do not matter. */
async function initdb(
  binaries: PostgresBinaries,
  cluster: string,
  password: string,
  user: SystemUser | undefined,
): Promise<void> {
  const secrets = mkdtempSync(join(tmpdir(), 'retain-initdb-'));
  const passwordFile = join(secrets, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user !== undefined) {
    for (const path of [secrets, passwordFile]) chownSync(path, user.uid, user.gid);
  }
  const flags = [
    `--pgdata=${cluster}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ];
  try {
    await promisify(execFile)(binaries.initdb, flags, { cwd: '/', env: ENVIRONMENT, ...user });
  } catch (cause) {
    const output = (cause as { stderr?: string }).stderr ?? '';
    throw new RetentionError(
      'STORE_UNAVAILABLE',
      `The embedded PostgreSQL cannot make its data folder ${cluster}:\n${output.trim()}`,
      {},
      cause,
    );
  } finally {
    rmSync(secrets, { recursive: true });
  }
}
