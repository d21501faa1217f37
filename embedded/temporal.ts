/** A Temporal development server: one process, loopback only, its state in memory or in one file. */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Connection } from '@temporalio/client';
import { startProcess } from './managed-process.ts';
import { freePorts } from './ports.ts';
import { untilReady } from './ready.ts';

export interface TemporalOptions {
  /** The `temporal` program: see `findTemporal`. */
  readonly binary: string;
  readonly namespace: string;
  /** A free one is chosen when missing. */
  readonly port?: number;
  /** Keeps the state here, so that a killed server can be started again where it was. */
  readonly dbFile?: string;
  /** Where the server writes its log; a temporary folder when missing. */
  readonly logFile?: string;
}

export interface EmbeddedTemporal {
  /** `host:port` of the frontend. */
  readonly address: string;
  readonly port: number;
  readonly namespace: string;
  readonly pid: number;
  readonly stop: () => Promise<void>;
  /** Sends a signal and waits until the server has ended; start again with the same port and file. */
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
  /** Lets the server outlive this process. */
  readonly release: () => void;
}

/** What a run shows about itself in Temporal's lists: opaque ids and words of ours, nothing else. */
export const SEARCH_ATTRIBUTES = ['RetentionStatus', 'RetentionRunId', 'RetentionStore'] as const;

const START_TIMEOUT_MS = 60_000;

/**
 * Starts the server and resolves when its namespace answers. Whatever ends this process ends the
 * server as well, unless it was released. Throws `STORE_UNAVAILABLE` with the end of its log.
 */
export async function startTemporal(options: TemporalOptions): Promise<EmbeddedTemporal> {
  const [port = 0, httpPort = 0, metricsPort = 0] = await freePorts(3);
  const ports = { frontend: options.port ?? port, http: httpPort, metrics: metricsPort };
  const scratch = mkdtempSync(join(tmpdir(), 'retain-temporal-'));
  const logFile = options.logFile ?? join(scratch, 'temporal.log');
  for (const file of [logFile, options.dbFile]) {
    if (file !== undefined) mkdirSync(dirname(file), { recursive: true });
  }
  const server = await startProcess({
    what: 'The Temporal server',
    command: options.binary,
    args: flags(options, ports),
    env: { PATH: '/usr/bin:/bin', HOME: scratch, TZ: 'UTC' },
    logFile,
    stopSignal: 'SIGINT',
  });
  const address = `127.0.0.1:${ports.frontend}`;
  await untilReady({
    what: 'The Temporal server',
    process: server,
    logFile,
    timeoutMs: START_TIMEOUT_MS,
    connect: () => namespaceAnswers(address, options.namespace),
  });
  const cleaned = (ending: Promise<void>): Promise<void> =>
    ending.then(() => rmSync(scratch, { recursive: true, force: true }));
  return {
    address,
    port: ports.frontend,
    namespace: options.namespace,
    pid: server.pid,
    stop: () => cleaned(server.stop()),
    kill: (signal) => cleaned(server.kill(signal)),
    release: server.release,
  };
}

function flags(
  options: TemporalOptions,
  ports: { frontend: number; http: number; metrics: number },
): string[] {
  return [
    ...['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--log-level', 'warn'],
    ...['--port', String(ports.frontend)],
    ...['--http-port', String(ports.http)],
    ...['--metrics-port', String(ports.metrics)],
    ...['--namespace', options.namespace],
    ...SEARCH_ATTRIBUTES.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
    ...(options.dbFile === undefined ? [] : ['--db-filename', options.dbFile]),
  ];
}

async function namespaceAnswers(address: string, namespace: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: '2s' });
  try {
    await connection.workflowService.describeNamespace({ namespace });
    await connection.workflowService.listOpenWorkflowExecutions({ namespace, maximumPageSize: 1 });
  } finally {
    await connection.close();
  }
}
