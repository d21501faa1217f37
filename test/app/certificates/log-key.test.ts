/** A certificate while a log key is being replaced: whoever trusts either key can check it. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { recordCertificate } from '../../../app/certificates/record-certificate.ts';
import { logVkey } from '../../../app/ledger/begin.ts';
import { revokeKey } from '../../../app/ledger/revoke-keys.ts';
import { rotateLogKey } from '../../../app/ledger/rotate-keys.ts';
import { ledgerRound } from '../../../app/ledger/round.ts';
import { verifyCertificate } from '../../../ledger/certificate/verify.ts';
import type { SigningKey } from '../../../ledger/ed25519.ts';
import { parsePolicy } from '../../../ledger/policy-file.ts';
import { ORIGIN } from '../../support/governed.ts';
import { type PublishedSite, publishedSite } from '../../support/published-site.ts';

let site: PublishedSite;
beforeEach(async () => {
  site = await publishedSite();
});
afterEach(() => site.end());

/** A certificate of the newest checkpoint, which is signed for it. */
async function certificate(): Promise<Buffer> {
  await site.destroySome(1);
  await ledgerRound(site.rounds());
  return (await recordCertificate(site.governed.retain, 'parcel', ['1'])).bytes;
}

function foundBy(bytes: Buffer, ...keys: readonly SigningKey[]) {
  const lines = keys.map((key) => `log ${logVkey(ORIGIN, key)}\n`).join('');
  const policy = parsePolicy(Buffer.from(`${lines}quorum none\n`));
  return verifyCertificate(bytes, policy).findings.map(({ code }) => code);
}

it('verifies under the old key and under the new one, and after the end of the old one under the new', async () => {
  const { retain, keyDir } = site.governed;
  const [old] = await retain.ledgerKeys.log();
  const before = await certificate();
  const next = await rotateLogKey(retain, keyDir);
  await ledgerRound(site.rounds());
  const between = await certificate();
  await revokeKey(retain, keyDir, old.name);
  await ledgerRound(site.rounds());
  const after = await certificate();
  expect([before, between, after].map((bytes) => foundBy(bytes, old))).toEqual([
    [],
    [],
    ['E_NOTE'],
  ]);
  expect([before, between, after].map((bytes) => foundBy(bytes, next))).toEqual([
    ['E_NOTE'],
    [],
    [],
  ]);
  expect([before, between, after].map((bytes) => foundBy(bytes, old, next))).toEqual([[], [], []]);
});
