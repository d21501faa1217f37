/** Logs for operators: facts by name, from a list of names. What is not on the list is not written. */
import { TemporalFailure } from '@temporalio/common';
import {
  type LogMetadata,
  Runtime,
  type LogLevel as SdkLevel,
  type Logger as SdkLogger,
} from '@temporalio/worker';
import { type DestinationStream, type LogFn, type Logger as PinoLogger, pino } from 'pino';
import { anonymous } from '../activities/failure.ts';
import type { LogLevel } from '../config/env.ts';
import { RetentionError } from '../domain/errors.ts';

/** What we use of pino. No children: pino writes the bindings of a child unseen. */
export type Logger = Pick<
  PinoLogger,
  'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'flush'
>;

/** Ids of our own rows and of Temporal, counts and words: nothing of a governed record has such a name. */
const FIELDS: ReadonlySet<string> = new Set([
  ...['run', 'store', 'step', 'lane', 'batch', 'seq', 'fence', 'rule', 'outcome', 'phase', 'code'],
  ...['service', 'queue', 'queues', 'lanes', 'zone', 'signal', 'version', 'address', 'server'],
  ...['picked', 'destroyed', 'held', 'blocked', 'changed', 'gone', 'withheld', 'durationMs'],
  ...['namespace', 'taskQueue', 'workflowId', 'workflowType', 'runId', 'workflowRunId'],
  ...['entries', 'size', 'seconds', 'epoch'],
  ...['activityId', 'activityType', 'attempt', 'sdkComponent', 'target', 'workerDeployment'],
]);

/** A logger of JSON lines. Errors are reduced like the failures of activities; keys never pass. */
export function createLogger(level: LogLevel, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service: 'retain' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: onlyKnown,
    },
    // Ours has reduced the error already; pino's own would look for a stack.
    serializers: { err: (reduced: unknown) => reduced },
    hooks: { logMethod: withMessage },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** Without a message of ours pino would write the error's, which may quote a record. */
function withMessage(this: PinoLogger, args: Parameters<LogFn>, method: LogFn): void {
  const [first, message] = args;
  if (typeof first === 'string') method.apply(this, args);
  else method.call(this, first, typeof message === 'string' ? message : 'no message');
}

function onlyKnown(fields: Record<string, unknown>): Record<string, unknown> {
  const written: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (name === 'err' || name === 'error') written['err'] = describe(value);
    else if (FIELDS.has(name)) written[name] = value;
  }
  return written;
}

function describe(error: unknown): Record<string, unknown> {
  if (error instanceof RetentionError) {
    return { code: error.code, message: error.message, facts: error.facts };
  }
  // Made by our interceptor or by the SDK itself: sentences of ours, or none of a driver's.
  if (error instanceof TemporalFailure || isOfTheSdk(error)) {
    return { name: error.name, message: error.message };
  }
  return { name: anonymous(error), at: places(error) };
}

const SDK_ERRORS: ReadonlySet<string> = new Set([
  'TransportError',
  'IllegalStateError',
  'UnexpectedError',
  'GracefulShutdownPeriodExpiredError',
  'DeterminismViolationError',
]);

function isOfTheSdk(error: unknown): error is Error {
  return error instanceof Error && SDK_ERRORS.has(error.name);
}

/** The first places of the stack, without its first lines: they repeat the message. */
function places(error: unknown): string[] {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 5)
    .map((line) => line.trim());
}

const LEVELS: Readonly<Record<SdkLevel, 'trace' | 'debug' | 'info' | 'warn' | 'error'>> = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
};

let installed = false;

/**
 * Sends what the SDK says to `logger`. Once per process and before the first connection of a worker,
 * since Temporal has one runtime; later calls change nothing. Signals are left to the caller.
 */
export function installRuntime(logger: Logger): void {
  if (installed) return;
  installed = true;
  Runtime.install({
    logger: sdkLogger(logger),
    shutdownSignals: [],
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'WARN' }, forward: {} } },
  });
}

function sdkLogger(logger: Logger): SdkLogger {
  const log = (level: SdkLevel, message: string, meta?: LogMetadata): void =>
    logger[LEVELS[level]]({ ...meta }, message);
  return {
    log,
    trace: (message, meta) => log('TRACE', message, meta),
    debug: (message, meta) => log('DEBUG', message, meta),
    info: (message, meta) => log('INFO', message, meta),
    warn: (message, meta) => log('WARN', message, meta),
    error: (message, meta) => log('ERROR', message, meta),
  };
}
