/** The one place where a PostgreSQL or network error becomes one of ours. Driver texts quote values and never pass. */
import { type ErrorCode, isErrorCode, RetentionError } from '../../domain/errors.ts';

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

type Known = readonly [code: ErrorCode, sentence: (store: string) => string];

const REFUSED_LOGIN: Known = [
  'CREDENTIALS_REJECTED',
  (store) => `Store ${store} refused the user, password or database name in its connection URL.`,
];
const LACKING_RIGHT: Known = [
  'RIGHTS_MISSING',
  (store) => `The login for store ${store} lacks a right. Run: retain store check`,
];
const NO_GUARD: Known = [
  'GUARD_MISSING',
  (store) =>
    `The guard is not installed in store ${store}, or a governed table is gone. Run: retain store install`,
];

const BY_STATE: Readonly<Record<string, Known>> = {
  '28P01': REFUSED_LOGIN,
  '28000': REFUSED_LOGIN,
  '3D000': REFUSED_LOGIN,
  '42501': LACKING_RIGHT,
  // A role that does not exist cannot be assumed.
  '22023': LACKING_RIGHT,
  '42P01': NO_GUARD,
  '3F000': NO_GUARD,
  '42883': NO_GUARD,
  '25006': [
    'STORE_READ_ONLY',
    (store) => `Store ${store} is read only (a replica?). Connect to the primary.`,
  ],
  // A column of an approved statement is gone: the tables changed between two batches.
  '42703': [
    'SCHEMA_DRIFT',
    (store) => `The tables of store ${store} have changed since the plan. Make a new plan.`,
  ],
};

/** Maps what the driver threw; anything of ours passes through unchanged. */
export function storeError(error: unknown, store: string): RetentionError {
  if (error instanceof RetentionError) return error;
  const { code, message } = error as DriverError;
  const state = typeof code === 'string' ? code : 'unknown';
  if ((state === 'RG001' || state === 'RH001') && typeof message === 'string') {
    const [name = '', ...sentence] = message.split(': ');
    if (isErrorCode(name)) return new RetentionError(name, sentence.join(': '), { store });
  }
  const [known, sentence] = knownState(state);
  return new RetentionError(known, sentence(store), { store, state });
}

function knownState(state: string): Known {
  if (NETWORK.has(state)) {
    return ['STORE_UNAVAILABLE', (store) => `Store ${store} does not answer. Is the database up?`];
  }
  if (BUSY.has(state)) {
    return ['STORE_BUSY', (store) => `Store ${store} is busy with the same rows. Try again.`];
  }
  return (
    BY_STATE[state] ?? [
      'STORE_REJECTED',
      (store) => `Store ${store} rejected a statement (SQLSTATE ${state}).`,
    ]
  );
}

/** Runs `work` and lets nothing but a RetentionError out. */
export async function asStore<T>(store: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(error, store);
  }
}
