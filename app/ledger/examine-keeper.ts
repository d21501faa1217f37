/** What the keeper of the ledger has to say: the log of a worker that nobody reads is no alarm. */
import { type ErrorCode, isErrorCode } from '../../domain/errors.ts';
import type { LedgerKeeping } from '../../workflows/messages.ts';
import type { Checked } from '../checked.ts';
import type { WitnessRefusal } from './witness-client.ts';

/** First how Temporal answers, then what the keeper could not do. */
export function keeperChecks(keeping: LedgerKeeping | undefined): Checked[] {
  const what = 'Temporal';
  if (keeping === undefined) {
    const message = 'answers; no worker has kept the ledger yet. Run: retain worker';
    return [{ what, state: 'warning', code: 'WORKER_UNAVAILABLE', message }];
  }
  const { size, stoppedBy, troubled = [], undelivered = [] } = keeping;
  if (stoppedBy !== undefined) {
    const message = `The ledger cannot go on: ${stoppedBy}. Disposal stops within a minute.`;
    return [{ what, state: 'error', code: ours(stoppedBy), message }];
  }
  const kept = size === 0 ? 'the first turn of the ledger is under way' : `${size} entries`;
  return [
    { what, state: 'ok', message: `answers; the ledger is kept, ${kept}` },
    ...troubled.map(({ store, code }): Checked => {
      const message = 'The ledger cannot follow it: its disposal stops within a minute.';
      return { what: `store ${store}: ledger`, state: 'error', code: ours(code), message };
    }),
    ...undelivered.map(
      ({ place, code }): Checked => ({
        what: `delivery: ${place}`,
        ...undeliveredWords(code),
      }),
    ),
  ];
}

interface Refusal {
  readonly code?: ErrorCode;
  readonly message: string;
}

/** Those with a code speak of the log, the others of the witness. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  unreachable: { message: 'does not answer' },
  timeout: { message: 'does not answer in time' },
  unknown_log: { message: 'watches no log of this name' },
  signature_refused: { message: 'does not know the key that signs this log' },
  nonsense: { message: 'answers what no witness answers' },
  ahead: {
    code: 'LEDGER_BEHIND',
    message: 'has cosigned a larger tree of this log: was everything restored from a backup?',
  },
  forked: {
    code: 'LEDGER_FORKED',
    message:
      'has cosigned another tree, or says that none of its trees is the beginning of ours. Keep everything as it is',
  },
  quorum: {
    code: 'LEDGER_LAGS',
    message: 'too few have cosigned the newest head: it is not published',
  },
} satisfies Record<WitnessRefusal | 'quorum', Refusal>;

function undeliveredWords(code: string): Omit<Checked, 'what'> {
  const refusal = Object.hasOwn(REFUSALS, code) ? REFUSALS[code] : undefined;
  if (refusal) return { state: refusal.code === undefined ? 'warning' : 'error', ...refusal };
  const message = 'does not get signed heads; it is tried again within a minute';
  // Whether a timestamp is too old is for its own check to say.
  const state = code.startsWith('TIMESTAMP_') ? 'warning' : 'error';
  return { state, code: ours(code), message };
}

function ours(code: string): ErrorCode {
  return isErrorCode(code) ? code : 'INVARIANT_BROKEN';
}
