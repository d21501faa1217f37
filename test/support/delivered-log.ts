/** A log in memory that is delivered by a clock of the test's own to whoever listens on this machine. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bucketSink } from '../../app/ledger/bucket-sink.ts';
import { type Delivery, type DeliverySettings, delivery } from '../../app/ledger/delivery.ts';
import type { LogSink } from '../../app/ledger/publish.ts';
import { startWitness } from '../../app/witness/server.ts';
import type { StoredTimestamp } from '../../db/ledger.ts';
import { parseCheckpoint } from '../../ledger/checkpoint.ts';
import { parseNote } from '../../ledger/note.ts';
import { formatVkey, NOTE_SIGNATURE } from '../../ledger/note-key.ts';
import type { Policy } from '../../ledger/policy.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import { s3Bucket } from '../../stores/s3-put.ts';
import { LOG_KEY, LOG_VERIFIER, type MemoryLog, memoryLog, ORIGIN } from './memory-log.ts';
import { forwardTo, type SwitchedServer, switchedServer } from './switched-server.ts';

export interface Place {
  readonly server: SwitchedServer;
  /** Seconds of the clock at which it was asked, once for each moment. */
  readonly askedAt: () => number[];
}

export interface DeliveredLog {
  readonly home: string;
  readonly log: MemoryLog;
  /** Seconds since the beginning. */
  readonly seconds: () => number;
  later(seconds: number): void;
  /** What was reported since the last look: `place code`, `place works`. */
  heard(): string[];
  start(settings: Partial<DeliverySettings>): Delivery;
  /** A server that is asked, and answers as `listener` does. */
  place(listener: RequestListener): Promise<Place>;
  /** A real witness behind a server that can be shut. */
  witness(name: string): Promise<Place & { readonly line: string }>;
  policyOf(...lines: string[]): Policy;
  /** A bucket at this server. */
  bucketAt(server: SwitchedServer): LogSink;
  end(): Promise<void>;
}

const SECOND_MS = 1_000;
const BEGAN_MS = Date.parse('2026-11-22T03:00:00Z');
const CREDENTIALS = { accessKeyId: 'AKID', secretAccessKey: 'secret', region: 'eu-central-1' };

export function deliveredLog(size: number): DeliveredLog {
  const home = mkdtempSync(join(tmpdir(), 'delivered-'));
  const ends: (() => Promise<unknown>)[] = [];
  const log = memoryLog(size);
  const heard: string[] = [];
  let seconds = 0;
  const now = () => BEGAN_MS + seconds * SECOND_MS;
  const stamps: StoredTimestamp[] = [];

  const place = async (listener: RequestListener): Promise<Place> => {
    const askedAt = new Set<number>();
    const told =
      (inner: RequestListener): RequestListener =>
      (...exchange) => {
        askedAt.add(seconds);
        inner(...exchange);
      };
    const server = await switchedServer(told(listener));
    ends.push(() => server.shut());
    return {
      server: { ...server, answer: (other) => server.answer(told(other)) },
      askedAt: () => [...askedAt],
    };
  };
  return {
    ...{ home, log, place },
    seconds: () => seconds,
    later: (more) => {
      seconds += more;
    },
    heard: () => heard.splice(0),
    start: (settings) =>
      delivery({
        sinks: [],
        ledger: {
          timestamped: async () => stamps.at(-1),
          addTimestamp: async (at, note, response) => {
            stamps.push({ size: at, note, response, at: new Date(now()).toISOString() });
          },
          closedSince: async () => true,
        },
        signedSize: async () => size,
        report: (name, code) => void heard.push(`${name} ${code}`),
        recovered: (name) => void heard.push(`${name} works`),
        now,
        ...settings,
      }),
    async witness(name) {
      const options = { dir: join(home, name), name: `witness.example.org/${name}`, port: 0 };
      const running = await startWitness({ ...options, logs: [LOG_VERIFIER] });
      ends.push(() => running.close());
      const asked = await place(forwardTo(running.url));
      return { ...asked, line: `witness ${name} ${running.vkey} ${asked.server.url}` };
    },
    policyOf: (...lines) => {
      const vkey = formatVkey(ORIGIN, LOG_KEY.publicKey, NOTE_SIGNATURE.ed25519);
      return parsePolicy(Buffer.from([`log ${vkey}`, ...lines, ''].join('\n')));
    },
    bucketAt: (server) => {
      const address = { endpoint: server.url, bucket: 'evidence' };
      const bucket = s3Bucket(address, CREDENTIALS, () => new Date(now()));
      return bucketSink(bucket, { name: 'bucket', prefix: '' });
    },
    async end() {
      for (const end of ends) await end();
      rmSync(home, { recursive: true });
    },
  };
}

/** The size that a folder shows; 0 without a checkpoint. */
export function shownIn(dir: string): number {
  try {
    return parseCheckpoint(parseNote(readFileSync(join(dir, 'checkpoint'))).text).size;
  } catch {
    return 0;
  }
}
