/**
 * Keeps the ledger as a process of its own that tests may kill: round after round, trying again whatever the
 * workflow would try again. Says on stdout, one line each, when it begins (`>`) and ends (`<`) a step that
 * leaves something behind, and `round` after each round. Every note is written down before it is of use to
 * anybody.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Retain, scheduleInForce } from '../../app/context.ts';
import { fileEpochKeys } from '../../app/epoch-keys.ts';
import { delivery } from '../../app/ledger/delivery.ts';
import { folderSink } from '../../app/ledger/folder-sink.ts';
import { storeOf } from '../../app/ledger/open-ledger.ts';
import type { LogSink } from '../../app/ledger/publish.ts';
import { ledgerRound, type RoundDependencies } from '../../app/ledger/round.ts';
import { fileSigner, type LedgerSigner } from '../../app/ledger/signer.ts';
import { fileLedgerKeys } from '../../app/ledger-keys.ts';
import { storePool } from '../../app/store-pool.ts';
import { type ControlDb, openControlDb } from '../../db/client.ts';
import type { LedgerDb } from '../../db/ledger.ts';
import { RetentionError } from '../../domain/errors.ts';
import { mayRetry } from '../../domain/retry.ts';
import { sha256 } from '../../ledger/hashing.ts';
import { type StoreLedger, storeLedger } from '../../stores/postgres/ledger-source.ts';
import { seeded } from './seeded.ts';

export interface KeeperTask {
  /** Control database and store in one. */
  readonly url: string;
  readonly keyDir: string;
  /** Where the log is published. */
  readonly dir: string;
  /** Where notes are written down, one file each. */
  readonly notesDir: string;
  /** Of a clock that is another one at every look; the machine's own when missing. */
  readonly clockSeed?: number;
}

const PAUSE_MS = 20;
const CLOCK_WANDERS_MS = 4 * 86_400_000;

const task = JSON.parse(process.argv[2] ?? '') as KeeperTask;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  say(`> ${name}`);
  const answer = await work();
  say(`< ${name}`);
  return answer;
}

/** Whatever may succeed on another attempt is tried again, and nothing else. */
async function insisting<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RetentionError) || !mayRetry(error.code)) throw error;
      await delay(PAUSE_MS);
    }
  }
}

function writeDown(note: string | Buffer): void {
  const bytes = Buffer.from(note);
  writeFileSync(join(task.notesDir, sha256(bytes).toString('hex')), bytes);
}

function toldLedger(ledger: LedgerDb): LedgerDb {
  return {
    ...ledger,
    extend: (extension) => step('extend', () => ledger.extend(extension)),
    addCheckpoint: (size, note) => step('addCheckpoint', () => ledger.addCheckpoint(size, note)),
  };
}

function toldSigner(signer: LedgerSigner): LedgerSigner {
  return {
    ...signer,
    sign: async (head, proof) => {
      const note = await step('sign', () => signer.sign(head, proof));
      writeDown(note);
      return note;
    },
  };
}

function toldSink(sink: LogSink): LogSink {
  return {
    ...sink,
    write: (path, bytes, kind) => {
      if (kind === 'checkpoint') writeDown(bytes);
      return step(kind, () => sink.write(path, bytes, kind));
    },
  };
}

function toldStore(store: StoreLedger): StoreLedger {
  return { ...store, markIntegrated: (done) => step('mark', () => store.markIntegrated(done)) };
}

/** What waits for another attempt is none of a campaign's business; anything else ends the process. */
function onFailure(where: string, code: string): void {
  if (!mayRetry(code)) throw new Error(`${where}: ${code}`);
  say(`! ${where} ${code}`);
}

function clock(): () => number {
  if (task.clockSeed === undefined) return Date.now;
  const chance = seeded(task.clockSeed);
  return () => Date.now() + chance.integer(CLOCK_WANDERS_MS) - CLOCK_WANDERS_MS / 2;
}

function dependencies(control: ControlDb): RoundDependencies {
  const ledgerKeys = fileLedgerKeys(task.keyDir);
  const retain: Retain = {
    control,
    urlOf: () => task.url,
    epochKeys: fileEpochKeys(task.keyDir, () => new Date().toISOString()),
    ledgerKeys,
    ledgerSigner: toldSigner(fileSigner(task.keyDir, ledgerKeys)),
  };
  const pool = storePool(retain, 2);
  const open = async (store: string) =>
    toldStore(storeLedger(await pool.connection(store, 'retain_worker')));
  const ledger = toldLedger(control.ledger);
  const now = clock();
  const sinks = [toldSink(folderSink(task.dir))];
  return {
    ledger,
    keys: ledgerKeys,
    signer: retain.ledgerSigner,
    stores: async () => Object.keys((await scheduleInForce(retain)).schedule.stores),
    open,
    readSealed: async (source, batch) => (await open(storeOf(source))).sealed(batch),
    delivery: delivery({
      ...{ sinks, ledger, now, report: onFailure },
      signedSize: async () => (await retain.ledgerSigner.last())?.size ?? 0,
    }),
    now,
  };
}

const control = await insisting(() => openControlDb(task.url, { migrate: false }));
const rounds = dependencies(control);
for (;;) {
  const { troubled } = await insisting(() => ledgerRound(rounds));
  for (const { store, code } of troubled) onFailure(store, code);
  say('round');
  await delay(PAUSE_MS);
}
