/** A signed head and those whom it is sent to: whatever they do, nothing is shown that should not be. */
import { mkdtemp, readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ledgerRound, type RoundDependencies } from '../../../app/ledger/round.ts';
import { requireHead } from '../../../app/ledger/sequence.ts';
import { SIZE_MEDIA_TYPE } from '../../../app/witness/add-checkpoint.ts';
import { folderSource } from '../../../cli/log-source.ts';
import type { Policy } from '../../../ledger/policy.ts';
import { type VerifyReport, verifyLog } from '../../../ledger/verify/verify-log.ts';
import {
  type DeliverySite,
  deliverySite,
  says,
  witnessKeyName,
} from '../../support/delivery-site.ts';
import type { SwitchedServer } from '../../support/switched-server.ts';
import { timestampAuthority } from '../../support/timestamp-authority.ts';
import { codes } from '../../support/verified.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const SECOND_MS = 1_000;

let site: DeliverySite;
beforeEach(async () => {
  site = await deliverySite();
});
afterEach(() => site.end());

const size = async () => (await requireHead(site.deps.ledger)).size;

/** What the policy says of the published folder with another checkpoint. */
function verifyWith(checkpoint: string, policy: Policy): Promise<VerifyReport> {
  const folder = folderSource(site.dir);
  const source = {
    read: async (path: string, maxBytes: number) =>
      path === 'checkpoint' ? Buffer.from(checkpoint) : folder.read(path, maxBytes),
  };
  return verifyLog(source, policy, { now: Math.floor(Date.now() / 1_000) });
}

describe('with a policy that asks for a witness', () => {
  it('a head is published with its cosignature, and without that line an auditor refuses it', async () => {
    const { line } = await site.witness('w1');
    const policy = await site.policyOf(line, 'quorum w1');
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
    const bare = checkpoint.replace(new RegExp(`^— ${witnessKeyName('w1')} .*\n`, 'm'), '');
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
      const { front, line, back } = await site.witness('w1');
      const policy = await site.policyOf(line, 'quorum w1');
      const rounds = site.rounds({ policy });
      await ledgerRound(rounds);
      const shown = await site.published();
      if (listener) front.answer(listener);
      else await front.shut();
      for (const records of [2, 0]) {
        if (records > 0) await site.destroySome(records);
        await ledgerRound(rounds);
        expect(site.reported()).toEqual(
          records > 0 ? [`witness w1 ${state}`, 'witnesses quorum'] : [],
        );
        expect(await site.published()).toEqual(shown);
        expect(rounds.delivery.due(await size())).toBe(false);
        site.later(records > 0 ? SECOND_MS : 2 * SECOND_MS);
        expect(rounds.delivery.due(await size())).toBe(true);
      }
      expect(await size()).toBeGreaterThan(shown.size + 2);
      expect(await site.governed.retain.ledgerSigner.last()).toMatchObject({ size: await size() });
      await back();
      await ledgerRound(rounds);
      expect(site.reported()).toEqual(['witness w1 works', 'witnesses works']);
      expect(await site.published()).toMatchObject({ size: await size() });
      expect(rounds.delivery.due(await size())).toBe(false);
      expect(await site.verify(policy)).toMatchObject({ verdict: 'verified', findings: [] });
    },
  );

  it('a witness missing beyond the quorum holds nothing up, and is asked with the next head', async () => {
    const [one, two] = [await site.witness('w1'), await site.witness('w2')];
    const policy = await site.policyOf(one.line, two.line, 'group both any w1 w2', 'quorum both');
    await two.front.shut();
    const rounds = site.rounds({ policy });
    await ledgerRound(rounds);
    expect(site.reported()).toEqual(['witness w2 unreachable']);
    expect(await site.published()).toMatchObject({ size: await size() });
    expect(rounds.delivery.due(await size())).toBe(false);
    await two.back();
    site.later(SECOND_MS);
    expect(await ledgerRound(rounds)).toMatchObject({ signed: false });
    await site.destroySome(2);
    await ledgerRound(rounds);
    const { head } = await site.verify(policy);
    expect(head?.cosigners.map(({ name }) => name)).toEqual(['w1', 'w2']);
  });

  it('a head that is signed again after an hour keeps what a witness said that is down now', async () => {
    const { front, line } = await site.witness('w1');
    const rounds = site.rounds({ policy: await site.policyOf(line, 'quorum w1') });
    await ledgerRound(rounds);
    const { ledger } = site.governed.retain.control;
    const cosigned = await ledger.checkpoint();
    await front.shut();
    site.later(3_600_000);
    await ledgerRound({ ...rounds, now: () => Date.now() + 3_600_000 });
    const again = await ledger.checkpoint();
    expect(again?.signedAt).not.toBe(cosigned?.signedAt);
    expect(again?.note).toBe(cosigned?.note);
  });
});

describe('with a timestamp authority', () => {
  let authority: SwitchedServer;
  let stamped: number;
  let rounds: RoundDependencies;
  beforeEach(async () => {
    const stamps = timestampAuthority(await mkdtemp(join(site.home, 'tsa-')));
    stamped = 0;
    authority = await site.server((request, response) => {
      void buffer(request).then((query) => {
        stamped += 1;
        response.end(stamps.reply(query));
      });
    });
    rounds = site.rounds({ tsaUrl: authority.url });
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
    site.later(DAY_MS + MINUTE_MS);
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
