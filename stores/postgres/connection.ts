/** Connections to governed databases, each bound to one role of the guard from its first statement on. */
import postgres, { type Sql } from 'postgres';
import { RetentionError } from '../../domain/errors.ts';
import { asStore } from './driver-error.ts';

/** `admin` keeps the login's own rights: for installing and checking only. */
export type StoreRole = 'retain_app' | 'retain_worker' | 'retain_auditor' | 'admin';

export interface StoreConnection {
  readonly store: string;
  readonly role: StoreRole;
  readonly sql: Sql;
  end(): Promise<void>;
}

const OLDEST_SERVER = 150_000;
const FIRST_UNKNOWN_SERVER = 190_000;

/**
 * Connects and refuses what Retain must not work on: PostgreSQL outside 15–18 (`SERVER_UNSUPPORTED`), a
 * server in recovery (`STORE_READ_ONLY`), a login that is not a member of `role` (`RIGHTS_MISSING`).
 * The session assumes the role at start, so a login with more rights does not lend them to Retain.
 */
export async function connectStore(
  store: string,
  url: string,
  role: StoreRole,
  options: { readonly maxConnections?: number } = {},
): Promise<StoreConnection> {
  const sql = postgres(url, {
    // An admin session runs whole scripts, transaction included: it must stay on one connection.
    max: role === 'admin' ? 1 : (options.maxConnections ?? 2),
    connect_timeout: 5,
    idle_timeout: 30,
    onnotice: () => undefined,
    connection: {
      application_name: role === 'admin' ? 'retain' : role.replace('_', ' '),
      TimeZone: 'UTC',
      DateStyle: 'ISO, YMD',
      bytea_output: 'hex',
      // As in the guard's functions: what is counted here means the same there, and no schema in which
      // somebody else may create an operator is looked into.
      search_path: 'pg_catalog, pg_temp',
      // Rows hidden by a policy are an error, never silently left out of a count.
      ...(role === 'admin' ? {} : { role, row_security: 'off' }),
    },
  });
  const end = () => sql.end({ timeout: 5 });
  try {
    await asStore(store, () => refuseUnfit(sql, store, role));
  } catch (error) {
    await end();
    throw error;
  }
  return { store, role, sql, end };
}

/** What a server says of itself when a session begins. */
export interface ServerFacts {
  /** `server_version_num`, for example 180004. */
  readonly version: number;
  readonly recovering: boolean;
  readonly readOnly: boolean;
  readonly encoding: string;
  readonly who: string;
}

async function refuseUnfit(sql: Sql, store: string, role: StoreRole): Promise<void> {
  const [server] = await sql<ServerFacts[]>`
    select current_setting('server_version_num')::integer as version,
           pg_catalog.pg_is_in_recovery() as recovering,
           current_setting('transaction_read_only') = 'on' as "readOnly",
           current_setting('server_encoding') as encoding, current_user::text as who`;
  if (!server) {
    throw new RetentionError('STORE_UNAVAILABLE', `Store ${store} gave no answer.`, { store });
  }
  const refused = unfitness(server, store, role);
  if (refused) throw refused;
}

/** Why Retain must not work on this server with this role; undefined when it may. */
export function unfitness(
  server: ServerFacts,
  store: string,
  role: StoreRole,
): RetentionError | undefined {
  if (server.version < OLDEST_SERVER || server.version >= FIRST_UNKNOWN_SERVER) {
    const major = Math.floor(server.version / 10_000);
    const message = `Store ${store} runs PostgreSQL ${major}; supported are 15 to 18.`;
    return new RetentionError('SERVER_UNSUPPORTED', message, { store, major });
  }
  if (server.encoding !== 'UTF8') {
    const message = `Store ${store} has encoding ${server.encoding}; digests are over UTF-8.`;
    return new RetentionError('SERVER_UNSUPPORTED', message, { store });
  }
  if (server.recovering || server.readOnly) {
    const message = `Store ${store} is read only (a replica?). Connect to the primary.`;
    return new RetentionError('STORE_READ_ONLY', message, { store });
  }
  if (role !== 'admin' && server.who !== role) {
    const message = `The session in store ${store} could not assume the role ${role}.`;
    return new RetentionError('RIGHTS_MISSING', message, { store, role });
  }
  return undefined;
}

/** The store's own clock, RFC 3339 UTC with microseconds: the only clock that decides. */
export async function storeClock({ sql, store }: StoreConnection): Promise<string> {
  return asStore(store, async () => {
    const [row] = await sql<{ now: string }[]>`
      select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`;
    return row?.now ?? '';
  });
}
