/** What `retain doctor` says of witnesses and of a timestamp authority that fail, and when they work again. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logVkey } from '../../app/ledger/begin.ts';
import { startingPolicy } from '../../app/ledger/key-admin.ts';
import { ledgerRound, type RoundDependencies } from '../../app/ledger/round.ts';
import { requireHead } from '../../app/ledger/sequence.ts';
import { SIZE_MEDIA_TYPE } from '../../app/witness/add-checkpoint.ts';
import type { Policy } from '../../ledger/policy.ts';
import { parsePolicy } from '../../ledger/policy-file.ts';
import { type DeliverySite, deliverySite, says } from '../support/delivery-site.ts';
import { complaints, doctorSays, type Keeper, keeperOf } from '../support/doctor.ts';
import type { SwitchedServer } from '../support/switched-server.ts';
import { timestampAuthority } from '../support/timestamp-authority.ts';

const MINUTE_MS = 60_000;

let site: DeliverySite;
let keeping: Keeper;
beforeEach(async () => {
  site = await deliverySite();
  keeping = keeperOf(site);
  await site.destroySome(3);
});
afterEach(() => site.end());

const size = async () => (await requireHead(site.deps.ledger)).size;

/** A policy of these lines, as rounds and as the environment have it. */
async function policyOf(
  ...lines: string[]
): Promise<{ policy: Policy; environment: Record<string, string> }> {
  const starting = await startingPolicy(site.governed.retain);
  const text = starting.replace('quorum none\n', lines.map((line) => `${line}\n`).join(''));
  const file = join(site.home, 'policy');
  await writeFile(file, text);
  return { policy: parsePolicy(Buffer.from(text)), environment: { RETAIN_LEDGER_POLICY: file } };
}

describe('witnesses', () => {
  it.each<[string, RequestListener | undefined, string]>([
    ['does not listen', undefined, 'warning delivery: witness w1: does not answer'],
    ['answers nothing', () => undefined, 'warning delivery: witness w1: does not answer in time'],
    [
      'answers nonsense',
      says(200, '— who knows\n'),
      'warning delivery: witness w1: answers what no witness answers',
    ],
    [
      'has a larger tree (409)',
      says(409, '900000\n', SIZE_MEDIA_TYPE),
      'error delivery: witness w1 LEDGER_BEHIND: has cosigned a larger tree of this log: was everything restored from a backup?',
    ],
    [
      'finds no proof (422)',
      says(422, ''),
      'error delivery: witness w1 LEDGER_FORKED: has cosigned another tree, or says that none of its trees is the beginning of ours. Keep everything as it is',
    ],
    [
      'does not know the key (403)',
      says(403, ''),
      'warning delivery: witness w1: does not know the key that signs this log',
    ],
    [
      'does not know the log (404)',
      says(404, ''),
      'warning delivery: witness w1: watches no log of this name',
    ],
  ])('one that %s is said with why, until it works again', async (_, listener, why) => {
    const { front, line, back } = await site.witness('w1');
    const { policy, environment } = await policyOf(line, 'quorum w1');
    const rounds = site.rounds({ policy });
    await ledgerRound(rounds);
    const shown = await size();
    expect(await complaints(site, { environment, keeping })).toEqual([]);
    if (listener) front.answer(listener);
    else await front.shut();
    await site.destroySome(2);
    await ledgerRound(rounds);
    expect(await complaints(site, { environment, keeping })).toEqual([
      `error ledger: published LEDGER_LAGS: DIR has ${shown} of ${await size()} signed entries, signed N s ago.`,
      'error ledger: witnesses LEDGER_LAGS: The newest head has not the quorum of the policy, and is not published without it: w1 not yet.',
      why,
      'error delivery: witnesses LEDGER_LAGS: too few have cosigned the newest head: it is not published',
    ]);
    await back();
    site.later(MINUTE_MS);
    await ledgerRound(rounds);
    const said = await doctorSays(site, { environment, keeping });
    expect(said).toContain('ok ledger: witnesses: w1 N s ago');
    expect(said.filter((one) => !one.startsWith('ok'))).toEqual([]);
  });

  it('each of them has its age, and one missing beyond the quorum is no error', async () => {
    const [one, two] = [await site.witness('w1'), await site.witness('w2')];
    const group = ['group both any w1 w2', 'quorum both'];
    const { policy, environment } = await policyOf(one.line, two.line, ...group);
    await two.front.shut();
    await ledgerRound(site.rounds({ policy }));
    const said = await doctorSays(site, { environment, keeping });
    expect(said).toContain('ok ledger: witnesses: w1 N s ago, w2 not yet');
    expect(said.filter((line) => !line.startsWith('ok'))).toEqual([
      'warning delivery: witness w2: does not answer',
    ]);
    const hourLater = { environment, keeping, aheadMs: 90 * MINUTE_MS };
    expect(await doctorSays(site, hourLater)).toContain(
      'ok ledger: witnesses: w1 90 min ago, w2 not yet',
    );
    expect(await complaints(site, { environment, keeping, aheadMs: -90 * MINUTE_MS })).toContain(
      "error ledger: witnesses CLOCK_SKEW: The time of witness w1 lies 90 min ahead of this machine's clock. Set the clock that is wrong.",
    );
  });

  it('a policy that cannot be read, is none, or is that of another log stops no other check', async () => {
    await ledgerRound(site.rounds());
    const file = join(site.home, 'policy');
    const environment = { RETAIN_LEDGER_POLICY: file };
    expect(await complaints(site, { environment })).toEqual([
      'error ledger: witnesses CONFIG_INVALID: RETAIN_LEDGER_POLICY names no file that can be read.',
    ]);
    await writeFile(file, 'quorum\n');
    expect(await complaints(site, { environment })).toEqual([
      expect.stringMatching(/^error ledger: witnesses POLICY_INVALID: /),
    ]);
    const [log] = await site.governed.retain.ledgerKeys.log();
    await writeFile(file, `log ${logVkey('log.example.org/other', log)}\nquorum none\n`);
    expect(await complaints(site, { environment })).toEqual([
      `error ledger: witnesses SIGNATURE_INVALID: By the policy in ${file} the newest head is none of this log: No known key has signed the note.`,
    ]);
  });
});

describe('a timestamp authority', () => {
  let authority: SwitchedServer;
  let answering: RequestListener;
  let environment: Record<string, string>;
  let rounds: RoundDependencies;
  beforeEach(async () => {
    const stamps = timestampAuthority(await mkdtemp(join(site.home, 'tsa-')));
    answering = (request, response) => {
      void buffer(request).then((query) => response.end(stamps.reply(query)));
    };
    authority = await site.server(answering);
    environment = { RETAIN_TSA_URL: authority.url };
    rounds = site.rounds({ tsaUrl: authority.url });
  });

  it.each<[string, RequestListener | undefined, string]>([
    ['does not listen', undefined, 'TIMESTAMP_UNAVAILABLE'],
    ['answers 503', says(503, ''), 'TIMESTAMP_UNAVAILABLE'],
    ['answers nonsense', says(200, 'Please log in'), 'TIMESTAMP_INVALID'],
  ])(
    'that %s is said, and that a run has no timestamp, until it works again',
    async (_, listener, code) => {
      const none = 'error ledger: timestamp TIMESTAMP_UNAVAILABLE: No head has a timestamp yet.';
      expect(await complaints(site, { environment })).toContain(none);
      await ledgerRound(rounds);
      const stamped = await size();
      expect(await doctorSays(site, { environment, keeping })).toContain(
        `ok ledger: timestamp: N s ago, of ${stamped} entries`,
      );
      if (listener) authority.answer(listener);
      else await authority.shut();
      await site.destroySome(2);
      await ledgerRound(rounds);
      expect(await complaints(site, { environment, keeping })).toEqual([
        `warning ledger: timestamp TIMESTAMP_UNAVAILABLE: N s ago, of ${stamped} entries; a run was closed since`,
        `warning delivery: timestamps ${code}: does not get signed heads; it is tried again within a minute`,
      ]);
      await aged('26 hours');
      expect(await complaints(site, { environment, keeping })).toEqual([
        'error ledger: timestamp TIMESTAMP_UNAVAILABLE: The last timestamp is 26 h old.',
        expect.stringMatching(/^warning delivery: timestamps /),
      ]);
      authority.answer(answering);
      if (!listener) await authority.open();
      site.later(MINUTE_MS);
      await ledgerRound(rounds);
      expect(await complaints(site, { environment, keeping })).toEqual([]);
      await aged('24 hours');
      expect(await complaints(site, { environment, keeping })).toEqual([]);
    },
  );

  const aged = (by: string) =>
    site.governed.sql.unsafe(`update retain.log_timestamp set at = at - interval '${by}'`);
});
