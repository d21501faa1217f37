/** The ledger as `retain doctor` shows it: each place a signed head goes to, and how long ago it had one. */
import type { Env } from '../../config/env.ts';
import { RetentionError } from '../../domain/errors.ts';
import { type OpenedCheckpoint, openCheckpoint, type Policy } from '../../ledger/policy.ts';
import { ageOf, DAY_S, HOUR_S, MINUTE_S, spanOf } from '../ages.ts';
import { type Checked, type Look, type Looking, looked, patiently } from '../checked.ts';
import { type Retain, scheduleInForce } from '../context.ts';
import { bucketAt, policyIn } from './destinations.ts';
import { epochWords } from './examine-epochs.ts';
import { publishedWords } from './examine-published.ts';
import { folderSink } from './folder-sink.ts';
import { requireLedgerInStep, requireStoreInStep } from './in-step.ts';
import { requireValid, toldKeys } from './known-keys.ts';
import { requireCheckpoint, withLedger } from './open-ledger.ts';
import { ledgerStatus } from './status.ts';

/** A head is signed once an hour at least. */
const SIGNED_WITHIN_S = 2 * HOUR_S;
/** A head is timestamped once a day at least. */
const TIMESTAMPED_WITHIN_S = DAY_S + HOUR_S;

/** Everything there is to look at, by what the environment names. */
export async function examineLedger(
  retain: Retain,
  env: Env,
  looking: Looking,
): Promise<Checked[]> {
  const begun = await looked({ what: 'ledger', look: () => howFar(retain, looking) });
  if (begun.code === 'LEDGER_MISSING') return [begun];
  const checks = [begun];
  for (const look of looksOf(retain, env, looking)) checks.push(await looked(look));
  return checks;
}

function* looksOf(retain: Retain, env: Env, looking: Looking): Generator<Look> {
  const { ledgerDir, ledgerBucket, ledgerPolicy } = env;
  yield { what: 'ledger: signed', look: () => signedWords(retain, looking) };
  if (env.keyDir !== undefined) {
    yield { what: 'ledger: keys', look: () => keyWords(retain) };
    yield { what: 'ledger: signer', look: () => signerWords(retain) };
    yield { what: 'ledger: epoch keys', look: () => epochWords(retain, looking.now()) };
  }
  if (ledgerDir !== undefined) {
    const folder = folderSink(ledgerDir);
    const look = () => publishedWords(retain, folder, looking, ledgerDir);
    yield { what: 'ledger: published', look };
  }
  if (ledgerBucket !== undefined) {
    const look = async () => publishedWords(retain, bucketAt(env, ledgerBucket), looking);
    yield { what: 'ledger: bucket', look };
  }
  if (ledgerPolicy !== undefined) {
    const look = () => patiently(looking, () => witnessWords(retain, ledgerPolicy, looking));
    yield { what: 'ledger: witnesses', look };
  }
  if (env.tsaUrl !== undefined) {
    yield { what: 'ledger: timestamp', look: () => timestampWords(retain, looking) };
  }
}

async function howFar(retain: Retain, { now }: Looking): Promise<string> {
  await requireStoresInStep(retain);
  const { origin, size, waiting, oldestSeconds } = await ledgerStatus(retain, now);
  const words =
    waiting === 0
      ? 'nothing waits'
      : `${waiting} waiting, the oldest for ${Math.round(oldestSeconds)} s`;
  if (oldestSeconds <= MINUTE_S) return `${origin} has ${size} entries; ${words}`;
  throw new RetentionError(
    'LEDGER_LAGS',
    `${origin}: ${words}. Disposal stops when batches wait so long. Is a worker running?`,
    { waiting },
  );
}

async function requireStoresInStep(retain: Retain): Promise<void> {
  await withLedger(retain, async ({ store }) => {
    const { schedule } = await scheduleInForce(retain);
    for (const name of Object.keys(schedule.stores)) {
      await requireStoreInStep(retain.control.ledger, await store(`store:${name}`));
    }
  });
}

async function signedWords(retain: Retain, { now }: Looking): Promise<string> {
  const { size, signedAt } = await requireCheckpoint(retain);
  const seconds = ageOf('The newest signed head', Date.parse(signedAt), now());
  if (seconds <= SIGNED_WITHIN_S) return `${spanOf(seconds)} ago, of ${size} entries`;
  throw new RetentionError(
    'LEDGER_LAGS',
    `The newest signed head is ${spanOf(seconds)} old. Is a worker running?`,
  );
}

/** Whatever a worker with this folder needs to sign with. */
async function keyWords({ control, ledgerKeys }: Retain): Promise<string> {
  const worker = await ledgerKeys.worker();
  const [log] = await ledgerKeys.log();
  await ledgerKeys.names();
  // The keys first: the ledger was told of them before they could be read.
  const known = await toldKeys(control.ledger);
  for (const key of [worker, log]) requireValid(known, key);
  return `${worker.name} signs entries, ${log.name} signs heads`;
}

async function signerWords({ control, ledgerSigner }: Retain): Promise<string> {
  const { size } = await requireLedgerInStep(control.ledger, ledgerSigner);
  return `the database has all that was signed, ${size} entries`;
}

async function witnessWords(retain: Retain, file: string, { now }: Looking): Promise<string> {
  const policy = policyIn(file);
  const { note } = await requireCheckpoint(retain);
  const { cosigners, quorum } = opened(note, policy, file);
  const times = new Map(cosigners.map(({ name, unixSeconds }) => [name, unixSeconds]));
  const words = [...policy.witnesses.keys()].map((name) => {
    const unixSeconds = times.get(name);
    if (unixSeconds === undefined) return `${name} not yet`;
    return `${name} ${spanOf(ageOf(`The time of witness ${name}`, unixSeconds * 1_000, now()))} ago`;
  });
  const said = words.length === 0 ? 'the policy names none' : words.join(', ');
  if (quorum) return said;
  throw new RetentionError(
    'LEDGER_LAGS',
    `The newest head has not the quorum of the policy, and is not published without it: ${said}.`,
  );
}

/** Throws with the file's name what `openCheckpoint` throws. */
function opened(note: string, policy: Policy, file: string): OpenedCheckpoint {
  try {
    return openCheckpoint(Buffer.from(note), policy);
  } catch (error) {
    if (!(error instanceof RetentionError)) throw error;
    const message = `By the policy in ${file} the newest head is none of this log: ${error.message}`;
    throw new RetentionError(error.code, message);
  }
}

async function timestampWords(
  { control: { ledger } }: Retain,
  { now }: Looking,
): Promise<string | Omit<Checked, 'what'>> {
  const code = 'TIMESTAMP_UNAVAILABLE';
  const last = await ledger.timestamped();
  if (last === undefined) throw new RetentionError(code, 'No head has a timestamp yet.');
  const seconds = ageOf('The last timestamp', Date.parse(last.at), now());
  if (seconds > TIMESTAMPED_WITHIN_S) {
    throw new RetentionError(code, `The last timestamp is ${spanOf(seconds)} old.`);
  }
  const words = `${spanOf(seconds)} ago, of ${last.size} entries`;
  if (!(await ledger.closedSince(last.size))) return words;
  return { state: 'warning', code, message: `${words}; a run was closed since` };
}
