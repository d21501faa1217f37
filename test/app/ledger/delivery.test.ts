/** A signed head and those whom it is sent to: whatever they do, nothing is shown that should not be. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logVkey } from '../../../app/ledger/begin.ts';
import { ledgerRound, type RoundDependencies } from '../../../app/ledger/round.ts';
import { requireHead } from '../../../app/ledger/sequence.ts';
import { SIZE_MEDIA_TYPE } from '../../../app/witness/add-checkpoint.ts';
import { startWitness } from '../../../app/witness/server.ts';
import { folderSource } from '../../../cli/log-source.ts';
import { parseVkey } from '../../../ledger/note-key.ts';
import type { Policy } from '../../../ledger/policy.ts';
import { parsePolicy } from '../../../ledger/policy-file.ts';
import { type VerifyReport, verifyLog } from '../../../ledger/verify/verify-log.ts';
import { ORIGIN } from '../../support/governed.ts';
import { type PublishedSite, publishedSite } from '../../support/published-site.ts';
import { forwardTo, type SwitchedServer, switchedServer } from '../../support/switched-server.ts';
import { timestampAuthority } from '../../support/timestamp-authority.ts';
import { codes } from '../../support/verified.ts';

const DAY_MS = 86_400_000;

let site: PublishedSite;
let home: string;
let ends: (() => Promise<unknown>)[];
beforeEach(async () => {
  site = await publishedSite();
  home = await mkdtemp(join(tmpdir(), 'retain-delivery-'));
  ends = [];
});
afterEach(async () => {
  for (const end of ends) await end();
  await site.end();
  await rm(home, { recursive: true });
});

const size = async () => (await requireHead(site.deps.ledger)).size;

async function server(listener: RequestListener): Promise<SwitchedServer> {
  const switched = await switchedServer(listener);
  ends.push(() => switched.shut());
  return switched;
}

interface FailingWitness {
  /** What stands between the log and it. */
  readonly front: SwitchedServer;
  /** Its line in a policy. */
  readonly line: string;
  /** Whatever happened to `front`, the witness can be reached again. */
  readonly back: () => Promise<void>;
}

/** A real witness of the log, reached through a server that can be made to fail. */
async function witness(name: string): Promise<FailingWitness> {
  const running = await startWitness({
    dir: join(home, name),
    name: keyName(name),
    logs: [parseVkey(await logKey())],
    port: 0,
  });
  ends.push(() => running.close());
  const front = await server(forwardTo(running.url));
  return {
    front,
    line: `witness ${name} ${running.vkey} ${front.url}`,
    back: async () => {
      front.answer(forwardTo(running.url));
      await front.shut();
      await front.open();
    },
  };
}

const keyName = (name: string) => `witness.example.org/${name}`;
const logKey = async () => logVkey(ORIGIN, await site.governed.retain.ledgerKeys.log());

const policyOf = async (...lines: string[]): Promise<Policy> =>
  parsePolicy(Buffer.from([`log ${await logKey()}`, ...lines, ''].join('\n')));

/** What the policy says of the published folder with another checkpoint. */
function verifyWith(checkpoint: string, policy: Policy): Promise<VerifyReport> {
  const folder = folderSource(site.dir);
  const source = {
    read: async (path: string, maxBytes: number) =>
      path === 'checkpoint' ? Buffer.from(checkpoint) : folder.read(path, maxBytes),
  };
  return verifyLog(source, policy, { now: Math.floor(Date.now() / 1_000) });
}

const says =
  (status: number, body: string, type = 'text/plain'): RequestListener =>
  (_, response) =>
    void response.writeHead(status, { 'content-type': type }).end(body);

describe('with a policy that asks for a witness', () => {
  it('a head is published with its cosignature, and without that line an auditor refuses it', async () => {
    const { line } = await witness('w1');
    const policy = await policyOf(line, 'quorum w1');
    await site.destroySome(3);
    await ledgerRound(site.rounds({ policy }));
    expect(site.reported()).toEqual([]);
    expect(await site.published()).toMatchObject({ size: await size() });
    expect(await site.verify(policy)).toMatchObject({
      verdict: 'verified',
      findings: [],
      freshness: { by: 'witness' },
    });
    const checkpoint = await readFile(join(site.dir, 'checkpoint'), 'utf8');
    const bare = checkpoint.replace(new RegExp(`^— ${keyName('w1')} .*\n`, 'm'), '');
    expect(bare.length).toBeLessThan(checkpoint.length);
    const report = await verifyWith(bare, policy);
    expect({ codes: codes(report), exitCode: report.exitCode }).toEqual({
      codes: ['E_WITNESS'],
      exitCode: 11,
    });
  });

  it.each<[string, string, RequestListener | undefined]>([
    ['does not listen', 'unreachable', undefined],
    ['answers 500', 'nonsense', says(500, '')],
    ['answers nonsense', 'nonsense', says(200, '— who knows\n')],
    ['answers nothing', 'timeout', () => undefined],
    ['has a larger tree', 'ahead', says(409, '900000\n', SIZE_MEDIA_TYPE)],
    [
      'names another size each time',
      'nonsense',
      (() => {
        let asked = 0;
        return (request, response) => {
          asked += 1;
          says(409, `${1 + (asked % 2)}\n`, SIZE_MEDIA_TYPE)(request, response);
        };
      })(),
    ],
  ])(
    'the log goes on while the witness %s (%s), and shows nothing until it is back',
    async (_, state, listener) => {
      const { front, line, back } = await witness('w1');
      const policy = await policyOf(line, 'quorum w1');
      const rounds = site.rounds({ policy });
      await ledgerRound(rounds);
      const shown = await site.published();
      if (listener) front.answer(listener);
      else await front.shut();
      for (const records of [2, 0]) {
        if (records > 0) await site.destroySome(records);
        await ledgerRound(rounds);
        expect(site.reported()).toEqual([`witness w1 ${state}`, 'witnesses quorum']);
        expect(await site.published()).toEqual(shown);
        expect(rounds.delivery.due(await size())).toBe(true);
      }
      expect(await size()).toBeGreaterThan(shown.size + 2);
      expect(await site.governed.retain.ledgerSigner.last()).toMatchObject({ size: await size() });
      await back();
      await ledgerRound(rounds);
      expect(site.reported()).toEqual([]);
      expect(await site.published()).toMatchObject({ size: await size() });
      expect(rounds.delivery.due(await size())).toBe(false);
      expect(await site.verify(policy)).toMatchObject({ verdict: 'verified', findings: [] });
    },
  );

  it('a witness missing beyond the quorum holds nothing up, and is asked with the next head', async () => {
    const [one, two] = [await witness('w1'), await witness('w2')];
    const policy = await policyOf(one.line, two.line, 'group both any w1 w2', 'quorum both');
    await two.front.shut();
    const rounds = site.rounds({ policy });
    await ledgerRound(rounds);
    expect(site.reported()).toEqual(['witness w2 unreachable']);
    expect(await site.published()).toMatchObject({ size: await size() });
    expect(rounds.delivery.due(await size())).toBe(false);
    await two.back();
    expect(await ledgerRound(rounds)).toMatchObject({ signed: false });
    await site.destroySome(2);
    await ledgerRound(rounds);
    const { head } = await site.verify(policy);
    expect(head?.cosigners.map(({ name }) => name)).toEqual(['w1', 'w2']);
  });
});

describe('with a timestamp authority', () => {
  let authority: SwitchedServer;
  let stamped: number;
  let rounds: RoundDependencies;
  /** Milliseconds that the clock of the log is ahead of the databases. */
  let aheadMs: number;
  beforeEach(async () => {
    const stamps = timestampAuthority(await mkdtemp(join(home, 'tsa-')));
    stamped = 0;
    aheadMs = 0;
    authority = await server((request, response) => {
      void buffer(request).then((query) => {
        stamped += 1;
        response.end(stamps.reply(query));
      });
    });
    rounds = site.rounds({ tsaUrl: authority.url, now: () => Date.now() + aheadMs });
  });

  it('heads are timestamped once a day and after a run closed, and not more often', async () => {
    await ledgerRound(rounds);
    expect(stamped).toBe(1);
    const plan = await site.governed.plan();
    await ledgerRound(rounds);
    expect(stamped).toBe(1);
    await site.destroySome(2);
    await ledgerRound(rounds);
    expect(stamped).toBe(2);
    expect(await site.deps.ledger.timestamped()).toMatchObject({
      size: await size(),
      note: await readFile(join(site.dir, 'checkpoint'), 'utf8'),
    });
    await site.governed.approve(plan, 'second-reader');
    await ledgerRound(rounds);
    expect(stamped).toBe(2);
    aheadMs = DAY_MS;
    await ledgerRound(rounds);
    expect(stamped).toBe(3);
    expect(site.reported()).toEqual([]);
  });

  it.each<[string, string, RequestListener | undefined]>([
    ['does not listen', 'TIMESTAMP_UNAVAILABLE', undefined],
    ['answers 503', 'TIMESTAMP_UNAVAILABLE', says(503, '')],
    ['answers nonsense', 'TIMESTAMP_INVALID', says(200, 'Please log in')],
  ])(
    'one that %s is reported (%s), and the log is published all the same',
    async (_, code, listener) => {
      if (listener) authority.answer(listener);
      else await authority.shut();
      await site.destroySome(3);
      await ledgerRound(rounds);
      expect(site.reported()).toEqual([`timestamps ${code}`]);
      expect(await site.published()).toMatchObject({ size: await size() });
      expect(await site.verify()).toMatchObject({ verdict: 'verified', findings: [] });
      expect(await site.deps.ledger.timestamped()).toBeUndefined();
    },
  );
});
