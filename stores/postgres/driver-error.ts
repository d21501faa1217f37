/** The one place where a PostgreSQL or network error becomes one of ours. Driver texts quote values and never pass. */
import { isErrorCode, RetentionError } from '../../domain/errors.ts';

interface DriverError {
  readonly code?: unknown;
  readonly message?: unknown;
}

const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'CONNECT_TIMEOUT',
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  '57P01',
  '57P02',
  '57P03',
  '08000',
  '08003',
  '08006',
  '53300',
]);

/** Lock timeouts, deadlocks, serialisation failures, and a foreign key that appeared mid-batch: asking again settles them. */
const BUSY = new Set(['55P03', '40P01', '40001', '23503']);

/** Maps what the driver threw; anything of ours passes through unchanged. */
export function storeError(error: unknown, store: string): RetentionError {
  if (error instanceof RetentionError) return error;
  const { code, message } = error as DriverError;
  const state = typeof code === 'string' ? code : 'unknown';
  if (state === 'RG001' && typeof message === 'string') {
    const [name = '', ...sentence] = message.split(': ');
    if (isErrorCode(name)) return new RetentionError(name, sentence.join(': '), { store });
  }
  if (NETWORK.has(state)) {
    return new RetentionError('STORE_UNAVAILABLE', `Store ${store} does not answer. Is the database up?`, { store, state });
  }
  if (BUSY.has(state)) {
    return new RetentionError('STORE_BUSY', `Store ${store} is busy with the same rows. Try again.`, { store, state });
  }
  switch (state) {
    case '28P01':
    case '28000':
    case '3D000':
      return new RetentionError('CREDENTIALS_REJECTED', `Store ${store} refused the user, password or database name in its connection URL.`, { store, state });
    case '25006':
      return new RetentionError('STORE_READ_ONLY', `Store ${store} is read only (a replica?). Connect to the primary.`, { store, state });
    case '42501':
    case '22023':
      return new RetentionError('RIGHTS_MISSING', `The login for store ${store} lacks a right. Run: retain store check`, { store, state });
    case '42P01':
    case '3F000':
    case '42883':
      return new RetentionError('GUARD_MISSING', `The guard is not installed in store ${store}, or a governed table is gone. Run: retain store install`, { store, state });
    // A column of an approved statement is gone: the tables changed between two batches.
    case '42703':
      return new RetentionError('SCHEMA_DRIFT', `The tables of store ${store} have changed since the plan. Make a new plan.`, { store, state });
    default:
      return new RetentionError('STORE_REJECTED', `Store ${store} rejected a statement (SQLSTATE ${state}).`, { store, state });
  }
}

/** Runs `work` and lets nothing but a RetentionError out. */
export async function asStore<T>(store: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(error, store);
  }
}
