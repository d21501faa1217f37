/** Brings the services of `docker-compose.yml` up, each with its own commands, in the order of the file. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { logTail, type ManagedProcess } from '../../embedded/managed-process.ts';
import type { EmbeddedPostgres } from '../../embedded/postgres.ts';
import { untilReady } from '../../embedded/ready.ts';
import { commandsBefore, startOrder } from './compose-file.ts';
import { startDatabase } from './database.ts';
import { freeLowPorts } from './low-ports.ts';
import { type Site, serviceOf } from './site.ts';

export interface Topology {
  readonly site: Site;
  /** The services that were brought up, in their order. */
  readonly started: readonly string[];
  /** Superuser URL of a database on the server behind a service. */
  readonly adminUrl: (service: string, database: string) => string;
  /** Ends the Temporal server as `docker compose restart` does, and starts it again where it was. */
  readonly restartTemporal: () => Promise<void>;
  /** Process ids of everything that keeps running. */
  readonly pids: () => number[];
  /** Stops everything, the last first. */
  readonly down: () => Promise<void>;
}

/** A web page onto Temporal: nothing of Retain needs it, and no program of it can be built here. */
export const LEFT_OUT = ['temporal-ui'];

const FRONTEND_PORT = 7233;
const READY_MS = 60_000;

export async function bringUp(site: Site): Promise<Topology> {
  const databases = new Map<string, EmbeddedPostgres>();
  const processes = new Map<string, ManagedProcess>();
  const ports = await temporalPorts(site);

  const startTemporal = async (): Promise<void> => {
    const server = await startHealthy(site, 'temporal', ['temporal-server', 'start'], ports);
    processes.set('temporal', server);
  };
  const standIns: Readonly<Record<string, (name: string) => Promise<unknown>>> = {
    'retain-db': async (name) => databases.set(name, await startDatabase(site, name)),
    'temporal-db': async (name) => databases.set(name, await startDatabase(site, name)),
    temporal: startTemporal,
    'temporal-schema': (name) => runJob(site, name),
    'temporal-namespace': (name) => runJob(site, name),
    'retain-migrate': (name) => runJob(site, name),
    'retain-worker': async (name) => {
      for (const command of commandsBefore(name)) await runJob(site, name, command);
      processes.set(name, await startHealthy(site, name));
    },
  };
  const down = async (): Promise<void> => {
    await processes.get('retain-worker')?.stop();
    await processes.get('temporal')?.stop();
    await Promise.all([...databases.values()].map((database) => database.remove()));
    await site.close();
  };

  const started = startOrder(site.compose).filter((name) => !LEFT_OUT.includes(name));
  try {
    for (const name of started) {
      const start = standIns[name];
      if (start === undefined) throw new Error(`nothing here stands in for the service ${name}`);
      await start(name);
    }
  } catch (error) {
    const dead = [...processes].filter(([, { running }]) => !running()).map(([name]) => name);
    const lastWords = dead.map((name) => `\n${name} has ended: ${logTail(site.logOf(name))}`);
    await down();
    throw new Error(`docker-compose.yml cannot be brought up${lastWords.join('')}`, {
      cause: error,
    });
  }
  return {
    ...{ site, started, down },
    adminUrl: (service, database) => databases.get(service)?.adminUrl(database) ?? '',
    pids: () => [...processes.values(), ...databases.values()].map(({ pid }) => pid),
    async restartTemporal() {
      await processes.get('temporal')?.stop();
      await startTemporal();
    },
  };
}

/** Runs a one-shot job to its end. It must do its work at once: nothing here starts it again. */
export async function runJob(site: Site, name: string, command?: readonly string[]): Promise<void> {
  const { exitCode, output } = await site.run(name, command);
  if (exitCode !== 0) throw new Error(`${name} ended with ${exitCode}:\n${output.slice(-2_000)}`);
}

/** Free ports for everything that the server listens on, in the words of its own configuration. */
async function temporalPorts(site: Site): Promise<Record<string, string>> {
  const services = ['FRONTEND', 'HISTORY', 'MATCHING', 'WORKER'];
  const names = [
    ...services.flatMap((name) => [`${name}_GRPC_PORT`, `${name}_MEMBERSHIP_PORT`]),
    'FRONTEND_HTTP_PORT',
  ];
  const free = await freeLowPorts(names.length);
  site.publish('temporal', FRONTEND_PORT, free[0] ?? 0);
  const settings = Object.fromEntries(names.map((name, at) => [name, String(free[at])]));
  return { ...settings, BIND_ON_IP: '127.0.0.1' };
}

/** Starts a service and waits for its own health check. Throws its last words when it ends before. */
async function startHealthy(
  site: Site,
  ...asked: Parameters<Site['start']>
): Promise<ManagedProcess> {
  const [name] = asked;
  const child = await site.start(...asked);
  await untilReady({
    ...{ what: name, process: child, logFile: site.logOf(name), timeoutMs: READY_MS },
    connect: async () => {
      const { exitCode, output } = await checkHealth(site, name);
      if (exitCode !== 0) throw new Error(output);
    },
  });
  return child;
}

/** Runs the health check of the file once. `nc -z`, which not every machine has, is done in its place. */
export async function checkHealth(
  site: Site,
  name: string,
): Promise<{ readonly exitCode: number | null; readonly output: string }> {
  const [kind, ...command] = serviceOf(site.compose, name).healthcheck?.test ?? [];
  if (kind !== 'CMD') throw new Error(`${name} has no health check that can be run here`);
  if (command[0] !== 'nc') return site.run(name, command);
  const socket = connect(site.portOf(name, Number(command.at(-1))), '127.0.0.1');
  try {
    await once(socket, 'connect');
    return { exitCode: 0, output: '' };
  } catch (error) {
    return { exitCode: 1, output: String(error) };
  } finally {
    socket.destroy();
  }
}
