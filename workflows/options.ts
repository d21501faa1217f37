/** Every timeout, retry and pace of the workflows, each with its reason. */
import {
  ActivityCancellationType,
  type ActivityOptions,
  type RetryPolicy,
} from '@temporalio/workflow';
import { DISPOSE_QUEUE, LEDGER_QUEUE, ORCHESTRATE_QUEUE } from '../activities/contract.ts';
import { FINAL_CODES, FINAL_FOR_PEOPLE } from '../domain/retry.ts';
import type { SlicePace } from './messages.ts';

// From a second, so that a restart is hardly felt, to a minute, so that an outage of days costs little.
const RETRY: RetryPolicy = {
  initialInterval: '1s',
  backoffCoefficient: 2,
  maximumInterval: '1m',
  nonRetryableErrorTypes: [...FINAL_CODES],
};

/** A person waits for the answer: after 45 s they hear what is wrong instead of waiting longer. */
export const WHILE_SOMEBODY_WAITS: ActivityOptions = {
  taskQueue: ORCHESTRATE_QUEUE,
  startToCloseTimeout: '30s',
  scheduleToCloseTimeout: '45s',
  retry: { ...RETRY, nonRetryableErrorTypes: [...FINAL_FOR_PEOPLE] },
};

/**
 * Closing counts everything once more, which takes minutes on a large store, and must happen: no limit
 * on attempts. A dead worker is noticed by its missing heartbeat.
 */
export const CLOSING: ActivityOptions = {
  taskQueue: ORCHESTRATE_QUEUE,
  startToCloseTimeout: '1h',
  heartbeatTimeout: '30s',
  retry: RETRY,
};

/**
 * 15 minutes: a slice aims at one, its last batch may wait for locks. 30 s without a heartbeat: the
 * worker is gone, and another continues at the lane's cursor. No limit on attempts and no limit over
 * all: an outage must not become an abandoned run. Cancellation waits for the batch in flight, so that
 * nobody counts while something is still being destroyed.
 */
export const SLICE: ActivityOptions = {
  taskQueue: DISPOSE_QUEUE,
  startToCloseTimeout: '15m',
  heartbeatTimeout: '30s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: RETRY,
};

/** A turn lasts a minute. A worker that dies is noticed by its missing heartbeat. */
export const LEDGER: ActivityOptions = {
  taskQueue: LEDGER_QUEUE,
  startToCloseTimeout: '15m',
  heartbeatTimeout: '30s',
  retry: RETRY,
};

/** How long a ledger that cannot go on is left alone. */
export const LEDGER_RECHECK_MS = 15_000;
/** Turns per history: half a dozen events each. */
export const LEDGER_TURNS = 200;

/**
 * 100,000 records or a minute per activity: 10 million records are about 600 events. 3,000 events per
 * history: the server suggests a new one at 4,096, and what the lanes have in flight must still fit.
 */
export const DEFAULT_PACE: SlicePace = {
  sliceRecords: 100_000,
  sliceMs: 60_000,
  eventsPerRun: 3_000,
};

/** A resume written straight into the database is noticed after at most this long. */
const PAUSE_RECHECK_MS = 15_000;
/** Longer pauses are looked at less often, since every look is nine events of history. */
const PAUSE_RECHECK_LONGEST_MS = 120_000;

/** How long a paused lane waits before it looks again, having looked `looks` times. */
export function pauseRecheckMs(looks: number): number {
  return Math.min(PAUSE_RECHECK_MS * 2 ** Math.min(looks, 10), PAUSE_RECHECK_LONGEST_MS);
}
