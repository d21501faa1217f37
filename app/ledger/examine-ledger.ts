/** The ledger as `retain doctor` shows it: each place a signed head goes to, and how long ago it had one. */
import { readFile } from 'node:fs/promises';
import type { Env } from '../../config/env.ts';
import { RetentionError } from '../../domain/errors.ts';
import { parseCheckpoint } from '../../ledger/checkpoint.ts';
import { parseNote } from '../../ledger/note.ts';
import { openCheckpoint } from '../../ledger/policy.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import type { Retain } from '../context.ts';
import { folderSink } from './folder-sink.ts';
import { requireLedgerInStep } from './in-step.ts';
import { requireCheckpoint } from './open-ledger.ts';
import { ledgerStatus } from './status.ts';

/** One thing looked at: what it is, and how to say how it is. */
export interface LedgerCheck {
  readonly what: string;
  /** Throws a `RetentionError` for what is not as it must be. */
  readonly look: () => Promise<string>;
}

const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;

/** Everything there is to look at, by what the environment names. */
export function ledgerChecks(retain: Retain, env: Env, nowMs: number): LedgerCheck[] {
  const { ledger } = retain.control;
  const age = (at: string): number => (nowMs - Date.parse(at)) / 1_000;
  const checks: LedgerCheck[] = [
    { what: 'ledger', look: () => howFar(retain) },
    {
      what: 'ledger: signed',
      look: async () => signedWords(age((await requireCheckpoint(retain)).signedAt)),
    },
  ];
  if (env.keyDir !== undefined) {
    checks.push({
      what: 'ledger: signer',
      look: async () => {
        const { size } = await requireLedgerInStep(ledger, retain.ledgerSigner);
        return `the database has all that was signed, ${size} entries`;
      },
    });
  }
  const { ledgerDir, ledgerPolicy } = env;
  if (ledgerDir !== undefined) {
    checks.push({ what: 'ledger: published', look: () => publishedWords(retain, ledgerDir) });
  }
  if (ledgerPolicy !== undefined) {
    checks.push({
      what: 'ledger: witnesses',
      look: () => witnessWords(retain, ledgerPolicy, nowMs),
    });
  }
  if (env.tsaUrl !== undefined) {
    checks.push({
      what: 'ledger: timestamp',
      look: async () => {
        const last = await ledger.timestamped();
        if (last === undefined || age(last.at) > DAY_S + HOUR_S) {
          throw new RetentionError(
            'TIMESTAMP_UNAVAILABLE',
            `${last ? `The last timestamp is ${agoOf(age(last.at))} old` : 'No head has a timestamp yet'}.`,
          );
        }
        return `${agoOf(age(last.at))} ago, of ${last.size} entries`;
      },
    });
  }
  return checks;
}

async function howFar(retain: Retain): Promise<string> {
  const { origin, size, waiting, oldestSeconds } = await ledgerStatus(retain);
  const words =
    waiting === 0
      ? 'nothing waits'
      : `${waiting} waiting, the oldest for ${Math.round(oldestSeconds)} s`;
  if (oldestSeconds <= MINUTE_S) return `${origin} has ${size} entries; ${words}`;
  throw new RetentionError(
    'LEDGER_LAGS',
    `${origin}: ${words}. Disposal stops. Is a worker running?`,
    { waiting },
  );
}

function signedWords(ageSeconds: number): string {
  if (ageSeconds <= 2 * HOUR_S) return `${agoOf(ageSeconds)} ago`;
  throw new RetentionError(
    'LEDGER_LAGS',
    `The newest signed head is ${agoOf(ageSeconds)} old. Is a worker running?`,
  );
}

async function publishedWords(retain: Retain, dir: string): Promise<string> {
  const [newest, bytes] = await Promise.all([
    requireCheckpoint(retain),
    folderSink(dir).readCheckpoint(),
  ]);
  const size = bytes === undefined ? 0 : parseCheckpoint(parseNote(bytes).text).size;
  if (size >= newest.size) return `${dir} has ${size} entries`;
  throw new RetentionError('LEDGER_LAGS', `${dir} has ${size} of ${newest.size} signed entries.`, {
    size,
  });
}

async function witnessWords(retain: Retain, file: string, nowMs: number): Promise<string> {
  const policy = parsePolicy(await readFile(file));
  const { note } = await requireCheckpoint(retain);
  const { cosigners, quorum } = openCheckpoint(Buffer.from(note), policy);
  const words = cosigners.map(
    ({ name, unixSeconds }) => `${name} ${agoOf(nowMs / 1_000 - unixSeconds)} ago`,
  );
  const said = words.length === 0 ? 'no witness has seen the newest head' : words.join(', ');
  if (quorum) return said;
  throw new RetentionError('LEDGER_LAGS', `The policy's quorum is not met: ${said}.`);
}

function agoOf(seconds: number): string {
  if (seconds < 2 * MINUTE_S) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 2 * HOUR_S) return `${Math.round(seconds / MINUTE_S)} min`;
  return `${Math.round(seconds / HOUR_S)} h`;
}
