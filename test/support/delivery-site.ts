/** A published site, its witnesses and whoever else a head is sent to, and a clock that a test moves on. */
import { mkdtemp, rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logVkey } from '../../app/ledger/begin.ts';
import type { DeliverySettings } from '../../app/ledger/delivery.ts';
import type { RoundDependencies } from '../../app/ledger/round.ts';
import { startWitness } from '../../app/witness/server.ts';
import { parseVkey } from '../../ledger/note-key.ts';
import type { Policy } from '../../ledger/policy.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import { ORIGIN } from './governed.ts';
import { type PublishedSite, publishedSite } from './published-site.ts';
import { forwardTo, type SwitchedServer, switchedServer } from './switched-server.ts';

export interface FailingWitness {
  /** What stands between the log and it. */
  readonly front: SwitchedServer;
  /** Its line in a policy. */
  readonly line: string;
  /** Requests that came to `front`. */
  readonly asked: () => number;
  /** Whatever happened to `front`, the witness can be reached again. */
  readonly back: () => Promise<void>;
}

export interface DeliverySite extends PublishedSite {
  /** A folder of the test's own. */
  readonly home: string;
  /** Rounds by the clock of this site, which stands still. */
  rounds(settings?: Partial<DeliverySettings>): RoundDependencies;
  later(ms: number): void;
  server(listener: RequestListener): Promise<SwitchedServer>;
  /** A real witness of the log, reached through a server that can be made to fail. */
  witness(name: string): Promise<FailingWitness>;
  policyOf(...lines: string[]): Promise<Policy>;
}

export const witnessKeyName = (name: string): string => `witness.example.org/${name}`;

export async function deliverySite(): Promise<DeliverySite> {
  const site = await publishedSite();
  const home = await mkdtemp(join(tmpdir(), 'retain-delivery-'));
  const ends: (() => Promise<unknown>)[] = [];
  let nowMs = Date.now();
  const logKey = async () => logVkey(ORIGIN, (await site.governed.retain.ledgerKeys.log())[0]);
  const server = async (listener: RequestListener) => {
    const switched = await switchedServer(listener);
    ends.push(() => switched.shut());
    return switched;
  };
  return {
    ...site,
    home,
    server,
    rounds: (settings) => site.rounds({ now: () => nowMs, ...settings }),
    later: (ms) => {
      nowMs += ms;
    },
    async witness(name) {
      const running = await startWitness({
        dir: join(home, name),
        name: witnessKeyName(name),
        logs: [parseVkey(await logKey())],
        port: 0,
      });
      ends.push(() => running.close());
      let asked = 0;
      const counted =
        (listener: RequestListener): RequestListener =>
        (...exchange) => {
          asked += 1;
          listener(...exchange);
        };
      const front = await server(counted(forwardTo(running.url)));
      return {
        front: { ...front, answer: (listener) => front.answer(counted(listener)) },
        line: `witness ${name} ${running.vkey} ${front.url}`,
        asked: () => asked,
        back: async () => {
          front.answer(counted(forwardTo(running.url)));
          await front.shut();
          await front.open();
        },
      };
    },
    policyOf: async (...lines) =>
      parsePolicy(Buffer.from([`log ${await logKey()}`, ...lines, ''].join('\n'))),
    async end() {
      for (const end of ends) await end();
      await site.end();
      await rm(home, { recursive: true });
    },
  };
}

/** Answers everything in the same way. */
export const says =
  (status: number, body: string, type = 'text/plain'): RequestListener =>
  (_, response) =>
    void response.writeHead(status, { 'content-type': type }).end(body);
