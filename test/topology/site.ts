/** One machine in place of a container engine: processes on free ports instead of containers in a network. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { type ManagedProcess, startProcess } from '../../embedded/managed-process.ts';
import { type ComposeFile, mountsOf, ownImage, ROOT, type Service } from './compose-file.ts';

export interface Site {
  readonly compose: ComposeFile;
  /** Private to this test run. */
  readonly folder: string;
  /** From now on `service:port` of the file is this port of the loopback address. */
  publish(service: string, containerPort: number, port: number): void;
  /** The port of this machine behind `service:port`. Throws when nothing is published there. */
  portOf(service: string, containerPort: number): number;
  /** Runs what the service runs, or another command as `docker compose exec` does, to its end. */
  run(service: string, command?: readonly string[], settings?: Settings): Promise<Outcome>;
  /** Starts what the service runs and leaves it running; `settings` replace those of the file. */
  start(service: string, command?: readonly string[], settings?: Settings): Promise<ManagedProcess>;
  /** Where a service that was started writes. */
  logOf(service: string): string;
  /** Ends what is still running here and removes the folder. */
  close(): Promise<void>;
}

export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  /** Both streams, as they came. */
  readonly output: string;
}

type Settings = Readonly<Record<string, string>>;

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Record<string, string>;
  readonly cwd: string;
}

/** Settings of Temporal that name a host and its port apart. */
const HOST_AND_PORT = [
  ['SQL_HOST', 'SQL_PORT'],
  ['POSTGRES_SEEDS', 'DB_PORT'],
] as const;

/** `programs` are what the images have on their PATH: names and where they are here. */
export function openSite(compose: ComposeFile, folder: string, programs: Settings): Site {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const [name, path] of Object.entries(programs)) symlinkSync(path, join(bin, name));
  const path = [bin, dirname(process.execPath), '/usr/bin', '/bin'].join(':');
  const ports = new Map<string, number>();
  const running = new Set<ManagedProcess>();

  const logOf = (service: string): string => join(folder, `${service}.log`);
  const portOf = (service: string, containerPort: number): number => {
    const port = ports.get(`${service}:${containerPort}`);
    if (port === undefined) throw new Error(`nothing answers at ${service}:${containerPort}`);
    return port;
  };
  const commandOf = (name: string, argv?: readonly string[], settings: Settings = {}): Command => {
    const service = serviceOf(compose, name);
    const own = service.image.startsWith('retain:') ? ownImage() : undefined;
    const [program = '', ...args] = argv ?? [
      ...(service.entrypoint ?? []),
      ...(service.command ?? own?.command ?? []),
    ];
    const said = { ...own?.environment, ...fileSettings(service), ...service.environment };
    const env = onThisMachine(said, service, Object.keys(compose.services), portOf);
    return {
      ...{ program, args, cwd: own === undefined ? '/' : ROOT },
      env: { ...env, PATH: path, HOME: folder, ...settings },
    };
  };

  return {
    compose,
    folder,
    portOf,
    logOf,
    publish: (service, containerPort, port) => ports.set(`${service}:${containerPort}`, port),
    run: (...asked) => finished(commandOf(...asked)),
    async start(...asked) {
      const { program, ...rest } = commandOf(...asked);
      const [what] = asked;
      const child = await startProcess({
        ...{ what, command: program, ...rest, logFile: logOf(what), stopSignal: 'SIGTERM' },
      });
      running.add(child);
      return child;
    },
    async close() {
      await Promise.all([...running].map((child) => child.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function serviceOf({ services }: ComposeFile, name: string): Service {
  const service = services[name];
  if (service === undefined) throw new Error(`docker-compose.yml has no service ${name}`);
  return service;
}

function fileSettings({ env_file: file }: Service): NodeJS.Dict<string> {
  return file === undefined ? {} : parseEnv(readFileSync(file, 'utf8'));
}

/** Hosts become the loopback address, their ports the real ones, paths in mounts those of this machine. */
function onThisMachine(
  said: NodeJS.Dict<string>,
  service: Service,
  hosts: readonly string[],
  portOf: Site['portOf'],
): Record<string, string> {
  const env = Object.fromEntries(
    Object.entries(said).map(([name, value = '']) => [name, String(value)]),
  );
  for (const [host, port] of HOST_AND_PORT) {
    const name = env[host];
    if (name === undefined) continue;
    env[port] = String(portOf(name, Number(env[port])));
    env[host] = '127.0.0.1';
  }
  const address = new RegExp(`(?<![\\w-])(${hosts.join('|')}):(\\d+)(?!\\d)`, 'g');
  for (const [name, value] of Object.entries(env)) {
    env[name] = pathHere(service, value).replaceAll(
      address,
      (_, host: string, port: string) => `127.0.0.1:${portOf(host, Number(port))}`,
    );
  }
  return env;
}

function pathHere(service: Service, path: string): string {
  const mount = mountsOf(service).find(
    ({ target }) => path === target || path.startsWith(`${target}/`),
  );
  if (mount === undefined) return path;
  return `${resolve(ROOT, mount.source)}${path.slice(mount.target.length)}`;
}

async function finished({ program, args, env, cwd }: Command): Promise<Outcome> {
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, output] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await once(child, 'close');
  return { exitCode: child.exitCode, stdout, output };
}
