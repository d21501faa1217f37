/** The embedded PostgreSQL in place of a container of the official image. */
import postgres, { type Sql } from 'postgres';
import { type EmbeddedPostgres, FAST_SETTINGS, startPostgres } from '../../embedded/postgres.ts';
import { runFolder } from '../support/run-folder.ts';
import { type Site, serviceOf } from './site.ts';

const PORT = 5432;
/** PostgreSQL's own default, as in the image: the servers of other tests allow more. */
const DEFAULTS = { max_connections: '100' };

/**
 * Starts the server of a service with the user and the database that the image makes from its settings,
 * and publishes it. Throws when the image is of another major version.
 */
export async function startDatabase(site: Site, name: string): Promise<EmbeddedPostgres> {
  const { image, command = [], environment = {} } = serviceOf(site.compose, name);
  const server = await startPostgres({
    dataDir: runFolder(`topology-${name}`),
    settings: { ...FAST_SETTINGS, ...DEFAULTS, ...flagsOf(command) },
  });
  const sql = postgres(server.url, { max: 1 });
  try {
    await checkVersion(sql, image);
    const user = environment['POSTGRES_USER'] ?? 'postgres';
    const password = environment['POSTGRES_PASSWORD'] ?? '';
    await sql.unsafe(`create role ${user} superuser login password '${password}'`);
    await sql`create database ${sql(environment['POSTGRES_DB'] ?? user)} owner ${sql(user)}`;
  } catch (error) {
    await server.remove();
    throw error;
  } finally {
    await sql.end();
  }
  site.publish(name, PORT, server.port);
  return server;
}

async function checkVersion(sql: Sql, image: string): Promise<void> {
  const [found] = await sql<{ server_version: string }[]>`show server_version`;
  const major = found?.server_version.split('.', 1)[0];
  if (/^postgres:(\d+)\./.exec(image)?.[1] === major) return;
  throw new Error(`PostgreSQL ${major} cannot stand in for ${image}`);
}

/** The settings in `postgres -c name=value …`. */
function flagsOf(command: readonly string[]): Record<string, string> {
  const flags = command.slice(1).filter((word) => word !== '-c');
  return Object.fromEntries(
    flags.map((flag): [string, string] => {
      const [name = '', value = ''] = flag.split('=', 2);
      return [name, value];
    }),
  );
}
